"""Event handlers of the incident core: it subscribes to events of the apps below."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiops.access.events import WorkspaceFact
from aiops.access.models import Workspace
from incidents.catalogue.services.catalogue import ensure_workspace_defaults


def set_up_workspaces(facts: Sequence[WorkspaceFact], now: datetime) -> None:
    """``workspace.created``: each new workspace gets its default service and sources."""
    for workspace in Workspace.objects.filter(pk__in=[fact.workspace_id for fact in facts]).order_by("pk"):
        ensure_workspace_defaults(workspace)
