"""PagerDuty, both ways."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.models import Workspace
from incidents.models import DeadLetter, Incident
from incidents.response.services import incidents
from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.models import Delivery, Destination, Provider
from tests.factories import actor, make_incident, make_workspace
from tests.responding.conftest import LATER
from tests.responding.making import make_delivery, make_destination
from tests.responding.signing import PAGERDUTY_SECRET, pagerduty

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def path(pagerduty_account: Provider) -> str:
    return f"/hooks/pagerduty/{pagerduty_account.hook_key}"


@pytest.fixture
def outlet(workspace: Workspace) -> Destination:
    return make_destination(ChannelKind.PAGERDUTY, "a" * 32, workspace=workspace)


@pytest.fixture
def sent(incident: Incident, outlet: Destination) -> Delivery:
    """An incident that we told PagerDuty of."""
    return make_delivery(incident, outlet, provider_ref=key(incident), purpose=Purpose.ANNOUNCE)


def key(incident: Incident) -> str:
    return f"aiops-{incident.public_id}-{incident.episode}"


def event(kind: str, incident: Incident | None = None, n: int = 1, **data: Any) -> dict[str, Any]:
    about = {"id": "PD1", "type": "incident", "title": "CPU", "urgency": "high", "service": {"summary": "api"}}
    if incident is not None:
        about["incident_key"] = key(incident)
    agent = {"id": "P1", "type": "user_reference", "summary": "Dave"}
    return {"id": f"E{n}-{kind}", "event_type": f"incident.{kind}", "agent": agent, "data": about | data}


def post(client: Client, path: str, body: Any) -> dict[str, Any]:
    response = pagerduty(client, path, body, secret=PAGERDUTY_SECRET)
    assert response.status_code == 200, response.content
    return response.json()


def test_what_is_done_there_happens_here_without_an_echo(client: Client, path: str, sent: Delivery) -> None:
    incident = sent.incident
    assert post(client, path, event("triggered", incident))["action_taken"] == "linked"
    assert Incident.objects.count() == 1  # it is ours: no second incident, and no loop
    done = post(client, path, event("acknowledged", incident))
    assert done == {
        "ok": True,
        "event_type": "incident.acknowledged",
        "pd_incident_id": "PD1",
        "local_incident_id": incident.public_id,
        "action_taken": "acknowledged",
    }
    incident.refresh_from_db()
    assert (incident.status, incident.acknowledged_by) == ("acknowledged", "Dave in PagerDuty")
    post(client, path, event("unacknowledged", incident))
    incident.refresh_from_db()
    assert incident.status == "open"
    assert post(client, path, event("resolved", incident))["action_taken"] == "resolved"
    incident.refresh_from_db()
    assert (incident.status, incident.resolution) == ("resolved", "Resolved in PagerDuty")
    back = Delivery.objects.filter(purpose=Purpose.STAND_DOWN, kind=ChannelKind.PAGERDUTY)
    assert back.exists() and set(back.values_list("state", flat=True)) == {DeliveryState.SUPPRESSED}
    assert post(client, path, event("resolved", incident, n=2))["action_taken"] == "ignored"


def test_an_answer_elsewhere_is_still_told_there(client: Client, sent: Delivery) -> None:
    incidents.resolve(actor=actor(sent.workspace), incident_id=sent.incident_id, now=LATER)
    assert Delivery.objects.get(purpose=Purpose.STAND_DOWN).state == DeliveryState.PENDING


def test_a_repeated_event_changes_nothing(client: Client, path: str, sent: Delivery) -> None:
    body = event("acknowledged", sent.incident)
    post(client, path, body)
    incidents.unacknowledge(actor=actor(sent.workspace), incident_id=sent.incident_id, now=LATER)
    assert post(client, path, body)["action_taken"] == "ignored"
    sent.incident.refresh_from_db()
    assert sent.incident.status == "open"


def test_only_what_we_sent_from_this_workspace_and_episode_is_ours(
    client: Client, path: str, sent: Delivery, outlet: Destination
) -> None:
    elsewhere = make_incident(make_workspace())
    make_delivery(elsewhere, make_destination(ChannelKind.PAGERDUTY, "b" * 32, workspace=elsewhere.workspace))
    never_sent = make_incident(sent.workspace)
    for n, foreign in enumerate((elsewhere, never_sent)):
        post(client, path, event("resolved", foreign, n=n))
        foreign.refresh_from_db()
        assert foreign.status == "open"
    stale = event("resolved", sent.incident, n=9)
    for verb in (incidents.resolve, incidents.reopen):
        verb(actor=actor(sent.workspace), incident_id=sent.incident_id, now=LATER)
    post(client, path, stale)
    sent.incident.refresh_from_db()
    assert sent.incident.status == "open"


def test_an_incident_of_theirs_lives_and_dies_here_too(client: Client, path: str) -> None:
    created = post(client, path, event("triggered"))
    assert created["action_taken"] == "created"
    incident = Incident.objects.get()
    assert created["local_incident_id"] == incident.public_id
    assert post(client, path, event("triggered", n=2))["action_taken"] == "deduplicated"
    assert post(client, path, event("acknowledged"))["action_taken"] == "acknowledged"
    assert post(client, path, event("annotated"))["action_taken"] == "ignored"
    assert post(client, path, event("resolved"))["action_taken"] == "resolved"
    incident.refresh_from_db()
    assert incident.status == "resolved"


def test_signatures(client: Client, path: str, sent: Delivery) -> None:
    body = event("resolved", sent.incident)
    for response in (
        pagerduty(client, path, body),
        pagerduty(client, path, body, secret="wrong"),
        pagerduty(client, path, body, **{"X-PagerDuty-Signature": "v1=,,é"}),
    ):
        assert response.status_code == 403
    assert pagerduty(client, path, body, secret="old-one").status_code == 200  # either, while it changes


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"event": 7}', 400),
        (b'{"event": {"event_type": "incident.exploded", "data": {"id": "x"}}}', 400),
        (b'{"event": {"event_type": "incident.triggered", "data": {"id": 7}}}', 400),
        (b'{"event": {"event_type": "incident.triggered", "data": {"id": "\\u0000 \\ud800"}}}', 200),
        (
            b'{"event": {"id": [], "event_type": "incident.triggered", "agent": 7, "data": {"id": "x", "incident_key": {}}}}',
            200,
        ),
    ],
)
def test_nothing_is_a_500_and_what_cannot_be_read_is_kept(client: Client, path: str, body: bytes, status: int) -> None:
    assert pagerduty(client, path, body, secret=PAGERDUTY_SECRET).status_code == status
    assert DeadLetter.objects.count() == (status != 200)


@pytest.mark.parametrize(("encoding", "status"), [("br", 415), ("gzip", 400)])
def test_a_body_that_cannot_be_inflated_is_kept_too(client: Client, path: str, encoding: str, status: int) -> None:
    refused = pagerduty(client, path, b"\x8b\x01", secret=PAGERDUTY_SECRET, **{"Content-Encoding": encoding})
    assert refused.status_code == status
    kept = DeadLetter.objects.get()
    assert (kept.field, encoding in kept.error) == ("Content-Encoding", True)


def test_events_are_inflated_and_read_in_any_case(client: Client, path: str, sent: Delivery) -> None:
    body = gzip.compress(orjson.dumps({"event": event("ACKNOWLEDGED", sent.incident)}))
    answer = pagerduty(client, path, body, secret=PAGERDUTY_SECRET, **{"Content-Encoding": "gzip"})
    assert answer.json()["action_taken"] == "acknowledged"
