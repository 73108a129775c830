"""The routes and the policy with which a workspace starts, so that no incident is silently unpaged."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from notifications.choices import ChannelKind, TargetKind
from notifications.delivery.models import Destination
from notifications.escalation.models import EscalationPolicy
from notifications.escalation.services import policies, routes

POLICY = "Default policy"


def ensure_all(now: datetime) -> None:
    """Give every workspace what it lacks (each start)."""
    for workspace in Workspace.objects.order_by("pk"):
        ensure_paging(workspace, now)


def ensure_paging(workspace: Workspace, now: datetime) -> None:
    """Routes where there are none, and a default policy where there is no policy at all.

    The policy names the admins as such, whoever they are when a page is due. Each is told by what they have set up, else by
    e-mail to the account where a server for that is known; and the log hears of it in any case.
    """
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        routes.ensure_default_routes(workspace)
        if EscalationPolicy.objects.filter(workspace=workspace).exists():
            return
        log = Destination.objects.filter(workspace=workspace, kind=ChannelKind.LOG).order_by("pk").first()
        targets = [{"kind": str(TargetKind.ADMINS), "id": workspace.pk}]
        if log is not None:
            targets.append({"kind": str(TargetKind.CHANNEL), "id": log.pk})
        step = {"name": "Admins", "targets": targets, "repeat_every_minutes": 15, "repeat_times": 2}
        policies.create_policy(
            actor=SYSTEM,
            workspace=workspace,
            name=POLICY,
            description="For services without a policy of their own. Set your teams' schedules in its steps.",
            definition={"steps": [step], "final_wait_minutes": 60},
            is_default=True,
            now=now,
        )
