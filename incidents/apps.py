from __future__ import annotations

from django.apps import AppConfig

from aiops.access.events import WorkspaceEvent
from aiops.kernel import events


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        from incidents import handlers  # noqa: PLC0415 - models are loaded by now, and not before

        events.subscribe(WorkspaceEvent.CREATED, handlers.set_up_workspaces)
