"""Every example of the page "Incidents API", replayed word for word."""

from __future__ import annotations

from datetime import datetime

import pytest

from aiops.access.actors import Role
from aiops.access.models import User, Workspace
from aiops.access.people import actor_for_user
from incidents.choices import Severity
from incidents.models import Incident
from incidents.response.services import incidents
from tests.api.conftest import Caller, signed_in
from tests.api.contracts import example, text, without
from tests.factories import make_incident, make_user

pytestmark = pytest.mark.django_db

FIRED = datetime.fromisoformat("2026-03-01T10:00:00Z")
ACKNOWLEDGED = datetime.fromisoformat("2026-03-01T10:15:00Z")
NOTED = datetime.fromisoformat("2026-03-01T10:30:00Z")
METRIC = {
    "rule_id": "rule_xyz",
    "rule_name": "High Error Rate",
    "metric": "model_usage_error_rate",
    "threshold": 5,
    "actual_value": 12.3,
}
# Documented in docs/api/dashboard.md beyond the page.
OURS = {"name", "title", "assignedTo", "firedAt", "acknowledgedAt", "resolvedAt", "resolvedBy", "closedAt"}


@pytest.fixture
def person(workspace: Workspace) -> User:
    user = make_user("admin", workspace, Role.ADMIN)
    User.objects.filter(pk=user.pk).update(email="admin@example.com")
    return User.objects.get(pk=user.pk)


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace, FIRED, severity=Severity.CRITICAL, metric=METRIC)


def test_list(person: User, workspace: Workspace, incident: Incident) -> None:
    for _ in range(2):
        make_incident(workspace, FIRED)  # openCount ignores the filters

    query = "?ruleId=rule_xyz&status=open&severity=critical&limit=50&skip=0"
    answer = signed_in(person).get(f"/api/alerts/incidents{query}")

    assert answer.status == 200
    answer.body["incidents"] = [without(shown, OURS) for shown in answer.body["incidents"]]
    assert answer.body == example("dashboard/list", {"incidents.0._id": incident.public_id})


def test_get(person: User, incident: Incident) -> None:
    who = actor_for_user(person)
    incidents.acknowledge(actor=who, incident_id=incident.pk, now=ACKNOWLEDGED)
    incidents.add_note(actor=who, incident_id=incident.pk, now=NOTED, content="Investigating upstream provider issues")

    answer = signed_in(person).get(f"/api/alerts/incidents/{incident.public_id}")

    shown = without(answer.body["incident"], OURS)
    shown["notes"] = [without(note, {"userName"}) for note in shown["notes"]]
    varies = {
        "incident._id": incident.public_id,
        "incident.notes.0.userId": f"user_{person.pk}",
        "incident.statusHistory.1.changedBy": f"user_{person.pk}",
        "incident.updatedAt": "2026-03-01T10:30:00.000Z",  # here a note counts as a change
    }
    assert (answer.status, {"incident": shown}) == (200, example("dashboard/get", varies))


def test_patch(person: User, incident: Incident) -> None:
    answer = signed_in(person).patch(f"/api/alerts/incidents/{incident.public_id}", text("dashboard/patch-request"))

    assert answer.status == 200
    shown = answer.body["incident"]
    assert (shown["_id"], shown["status"]) == (incident.public_id, "acknowledged")
    first, second = shown["statusHistory"]
    assert first == example("dashboard/get")["incident"]["statusHistory"][0]
    assert (second["status"], second["changedBy"]) == ("acknowledged", f"user_{person.pk}")


def test_note(person: User, incident: Incident) -> None:
    answer = signed_in(person).post(f"/api/alerts/incidents/{incident.public_id}/notes", text("dashboard/note-request"))

    assert answer.status == 200
    (note,) = answer.body["incident"]["notes"]
    assert without(note, {"createdAt"}) == {
        "userId": f"user_{person.pk}",
        "userEmail": "admin@example.com",
        "userName": "admin",
        "content": "Identified root cause: upstream provider rate limiting",
    }


def test_the_workflow_as_it_is_drawn(person: User, incident: Incident) -> None:
    caller, path = signed_in(person), f"/api/alerts/incidents/{incident.public_id}"
    workflow = ["acknowledged", "investigating", "resolved", "open", "resolved", "closed"]
    answers = [caller.patch(path, {"status": status}) for status in workflow]
    assert [answer.body["incident"]["status"] for answer in answers] == workflow
    history = answers[-1].body["incident"]["statusHistory"]
    assert [change["status"] for change in history] == ["open", *workflow]


def test_errors(person: User, incident: Incident) -> None:
    caller, path = signed_in(person), f"/api/alerts/incidents/{incident.public_id}"
    valid = "open, acknowledged, investigating, resolved, closed"
    answers = [
        (caller.patch(path, {}), 400, "Status is required"),
        (caller.patch(path, {"status": None}), 400, "Status is required"),
        (caller.patch(path, {"status": "fixed"}), 400, f"Invalid status. Must be one of: {valid}"),
        (caller.patch(path, {"status": ["open"]}), 400, f"Invalid status. Must be one of: {valid}"),
        (caller.post(f"{path}/notes", {"content": " \n"}), 400, "Note content is required"),
        (caller.post(f"{path}/notes"), 400, "Note content is required"),
        (caller.get("/api/alerts/incidents/inc_abc12300"), 404, "Incident not found"),
        (caller.get("/api/alerts/incidents/abc"), 404, "Incident not found"),
        (Caller().get(path), 401, "Unauthorized"),
    ]
    for answer, status, error in answers:
        assert (answer.status, answer.body) == (status, {"error": error})
