"""The examples of the client API that this much of the product answers, replayed word for word.

Times: the page writes them without a zone; they are UTC, and ours say so with ``Z`` (docs/api/client.md).
"""

from __future__ import annotations

from datetime import datetime

import pytest

from aiops.access.models import Workspace
from incidents.choices import Severity
from incidents.models import Incident
from incidents.response.services import incidents
from tests.api.conftest import Caller, MakeKey
from tests.api.contracts import example, text, without
from tests.factories import actor, make_incident, minutes

CREATED = datetime.fromisoformat("2025-01-15T10:30:00Z")
OURS = {"name", "occurrences"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(workspace: Workspace) -> Workspace:
    workspace.slug = "ws-acme"
    workspace.save()
    return workspace


@pytest.fixture
def incident(acme: Workspace) -> Incident:
    return make_incident(
        acme,
        CREATED,
        title="High CPU on payments-api",
        severity=Severity.CRITICAL,
        source="prometheus",
        namespace="production",
        pod="payments-api-7d8f9c6b5-x2k4m",
        deployment="payments-api",
    )


def test_list(operator: Caller, incident: Incident) -> None:
    answer = operator.get("/incidents?limit=20&state=open&workspace_id=ws-acme")
    varies = {"incidents.0.id": incident.public_id, "incidents.0.created_at": "2025-01-15T10:30:00Z"}
    assert (answer.status, answer.body) == (200, example("client/list", varies))


def test_detail(operator: Caller, acme: Workspace, incident: Incident) -> None:
    incidents.acknowledge(actor=actor(acme), incident_id=incident.pk, now=CREATED + minutes(2.5))
    incidents.unacknowledge(actor=actor(acme), incident_id=incident.pk, now=CREATED + minutes(3))
    open_again = operator.get(f"/incidents/{incident.public_id}").body
    incidents.acknowledge(actor=actor(acme), incident_id=incident.pk, now=CREATED + minutes(2.5))
    answer = operator.get(f"/incidents/{incident.public_id}").body

    page = example("client/detail", {"incident.id": incident.public_id, "incident.created_at": "2025-01-15T10:30:00Z"})
    assert answer.keys() == page.keys()
    assert {key: open_again["incident"][key] for key in page["incident"]} == page["incident"]
    assert open_again["incident"].keys() >= OURS
    # No automatic action has been taken, so the page's numbers about them stand at nothing.
    assert answer["metrics"] == {**page["metrics"], "actions_taken": 0}
    assert answer["actions"] == []


def test_timeline(operator: Caller, incident: Incident) -> None:
    answer = operator.get(f"/incidents/{incident.public_id}/timeline")

    page = example("client/timeline", {"incident_id": incident.public_id})
    told = [event | {"created_at": "2025-01-15T10:30:00Z"} for event in page["events"][:2]]  # then the diagnosis begins
    assert (answer.status, answer.body) == (200, page | {"events": told, "count": 2})


@pytest.mark.parametrize("kind", ["generic", "pagerduty", "alertmanager"])
def test_webhook(operator: Caller, acme: Workspace, kind: str) -> None:
    source = "webhook" if kind == "generic" else kind
    answer = operator.post("/webhook", text(f"client/webhook-{kind}"), **{"X-Source": source})
    incident = Incident.objects.get()
    assert (answer.status, answer.body) == (
        200,
        example("client/webhook-response", {"incident_id": incident.public_id}),
    )


def test_webhook_then_list_and_timeline(operator: Caller, acme: Workspace) -> None:
    operator.post("/webhook", text("client/webhook-generic"), **{"X-Source": "webhook"})
    incident = Incident.objects.get()

    shown = operator.get("/incidents").body
    varies = {"incidents.0.id": incident.public_id, "incidents.0.created_at": shown["incidents"][0]["created_at"]}
    assert shown == example("client/list", varies)

    events = operator.get(f"/incidents/{incident.public_id}/timeline").body["events"]
    page = example("client/timeline")["events"]
    assert [without(event, {"created_at"}) for event in events] == [without(e, {"created_at"}) for e in page[:2]]


def test_dead_letter(operator: Caller, acme: Workspace, key: MakeKey) -> None:
    refused = operator.post("/webhook", {"title": ["..."]}, **{"X-Source": "webhook"})
    assert refused.status == 422

    answer = operator.get("/webhook/dead-letter?limit=100")

    (entry,) = answer.body["entries"]
    varies = {
        "entries.0.payload": {"title": ["..."]},
        "entries.0.error": entry["error"],
        "entries.0.timestamp": entry["timestamp"],
    }
    assert (answer.status, answer.body) == (200, example("client/dead-letter", varies))
    assert "title" in entry["error"]
    assert datetime.fromisoformat(entry["timestamp"]).utcoffset() is not None
