"""Paging in the proofs: a policy of two levels that tells a signed webhook and a chat, and what they were told."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.proof.harness import eventually
from tests.receivers import HttpReceiver, Receivers, Request
from tests.runtime.installation import Installation

# A signed webhook knows a message by its id, a chat does not.
SET_UP = """
from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from notifications.models import EscalationPolicy, Route
from notifications.delivery.services import destinations
from notifications.escalation.services import policies
workspace, now = Workspace.objects.order_by("pk")[0], utcnow()
Route.objects.all().delete()
EscalationPolicy.objects.update(enabled=False, is_default=False)
made = [destinations.create_destination(actor=SYSTEM, kind=kind, address=address, workspace=workspace, now=now)
        for kind, address in {outlets}]
step = dict(name="First", targets=[dict(kind="channel", id=each.pk) for each in made])
policies.create_policy(actor=SYSTEM, workspace=workspace, name=f"Proof {{now}}", is_default=True, now=now,
                       definition=dict(steps=[step, dict(step, name="Second", delay_minutes=30)], final_wait_minutes=60))
"""
# Half an hour goes by for the incident of this title.
SECOND_IS_DUE = """
UPDATE notifications_escalationrun r SET next_step_at = now() FROM incidents_incident i
WHERE i.id = r.incident_id AND r.step = 1 AND r.next_step_at IS NOT NULL AND i.title = %s
"""


def set_up(receivers: Receivers, folder: Path, environment: dict[str, str], *, chat: bool = False) -> None:
    """Have everything paged of go to the receivers' webhook, and to their *chat*."""
    outlets = [("webhook", f"{receivers.webhook.url}/hook")]
    if chat:
        outlets.append(("mattermost", receivers.mattermost.hook))
    code = SET_UP.format(outlets=outlets)
    script = Installation(folder, ("manage", "shell", "-c", code), **environment)
    script.start()
    assert script.wait_until_ended() == 0, script.output


def about(receiver: HttpReceiver, title: str) -> list[Request]:
    """What the receiver was told of *title*."""
    return [request for request in receiver.requests if title in request.body.decode()]


def fire(sender: httpx.Client, title: str) -> None:
    """A new problem; returns when it was taken."""
    assert sender.post("/webhook", json={"title": title, "severity": "critical"}).status_code == 200


def is_told(receivers: Receivers, title: str, times: int = 1) -> None:
    """The webhook hears of *title* for the *times*-th time."""
    eventually(f"{title}: message {times}", lambda: len(about(receivers.webhook, title)) >= times)
