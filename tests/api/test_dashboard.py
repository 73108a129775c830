"""What the dashboard shows and does, beyond the examples of its page."""

from __future__ import annotations

import pytest

from aiops.access.actors import Role
from aiops.access.models import Workspace
from incidents.choices import Severity, Status
from incidents.models import Incident
from incidents.response.api.dashboard import views
from incidents.response.services import incidents
from tests.api.conftest import Caller, signed_in
from tests.factories import NOW, actor, fire, make_incident, make_route, make_user, make_workspace, minutes

pytestmark = pytest.mark.django_db

LIST = "/api/alerts/incidents"


@pytest.fixture
def person(workspace: Workspace) -> Caller:
    return signed_in(make_user("ben", workspace, Role.OPERATOR))


def ids(caller: Caller, query: str) -> list[str]:
    answer = caller.get(f"{LIST}?{query}")
    assert answer.status == 200, answer
    return [incident["_id"] for incident in answer.body["incidents"]]


def test_limit_and_skip(person: Caller, workspace: Workspace) -> None:
    made = [make_incident(workspace, NOW + minutes(n)).public_id for n in range(4)][::-1]
    assert ids(person, "") == made
    assert ids(person, "limit=2") == made[:2]
    assert ids(person, "limit=2&skip=3") == made[3:]
    assert ids(person, "skip=9") == []
    assert ids(person, "limit=0") == []
    assert ids(person, "limit=100000") == made


def test_a_limit_that_is_left_out_and_one_that_is_too_large(
    person: Caller, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(55):
        make_incident(workspace)
    assert len(ids(person, "")) == 50
    assert len(ids(person, "limit=55")) == 55
    monkeypatch.setattr(views, "MAX_LIMIT", 52)
    assert len(ids(person, "limit=55")) == 52


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=NaN", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("skip=-1", "skip"),
        ("skip=x", "skip"),
        ("status=fixed", "status"),
        ("severity=high", "severity"),
        ("ruleId=%00", "ruleId"),
    ],
)
def test_bad_parameters_are_named(person: Caller, query: str, named: str) -> None:
    answer = person.get(f"{LIST}?{query}")
    assert answer.status == 400
    assert list(answer.body) == ["error"]
    assert named in answer.body["error"]


def test_filters(person: Caller, workspace: Workspace) -> None:
    made = {severity: make_incident(workspace, severity=severity).public_id for severity in Severity}
    ruled = make_incident(workspace, metric={"rule_id": "r1", "threshold": 1}, severity=Severity.CRITICAL)
    incidents.close(actor=actor(workspace), incident_id=ruled.pk, now=NOW)
    assert ids(person, "severity=warning") == [made[Severity.HIGH], made[Severity.MEDIUM]]
    assert ids(person, "severity=info") == [made[Severity.LOW], made[Severity.INFO]]
    assert ids(person, "severity=critical&status=open") == [made[Severity.CRITICAL]]
    assert ids(person, "ruleId=r1") == ids(person, "status=closed") == [ruled.public_id]
    assert ids(person, "ruleId=r2") == []


def test_open_count_ignores_filters_and_pages(person: Caller, workspace: Workspace) -> None:
    made = [make_incident(workspace) for _ in range(3)]
    incidents.acknowledge(actor=actor(workspace), incident_id=made[0].pk, now=NOW)
    for query in ("", "?limit=1", "?status=closed", "?severity=info&skip=5"):
        assert person.get(f"{LIST}{query}").body["openCount"] == 2
    person.patch(f"{LIST}/{made[1].public_id}", {"status": "resolved"})
    assert person.get(LIST).body["openCount"] == 1


def test_an_incident_without_a_metric(person: Caller, workspace: Workspace) -> None:
    incident = make_incident(workspace, title="Disk full")
    shown = person.get(f"{LIST}/{incident.name}").body["incident"]
    assert [shown[key] for key in ("ruleId", "ruleName", "metric", "threshold", "actualValue")] == [
        None,
        "Disk full",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(("start", "wanted"), [(s, w) for s in Status for w in Status])
def test_every_move_is_made_or_refused_with_the_allowed_ones(
    person: Caller, workspace: Workspace, start: Status, wanted: Status
) -> None:
    incident = make_incident(workspace)
    if start != Status.OPEN:
        incidents.change_status(actor=actor(workspace), incident_id=incident.pk, wanted=start, now=NOW)
    answer = person.patch(f"{LIST}/{incident.public_id}", {"status": wanted})
    allowed = {
        Status.OPEN: ["acknowledged", "investigating", "resolved", "closed"],
        Status.ACKNOWLEDGED: ["investigating", "resolved", "closed", "open"],
        Status.INVESTIGATING: ["resolved", "closed", "open"],
        Status.RESOLVED: ["closed", "open"],
        Status.CLOSED: ["open"],
    }[start]
    if wanted in allowed:
        assert (answer.status, answer.body["incident"]["status"]) == (200, wanted)
    else:
        error = f'Cannot transition from "{start}" to "{wanted}". Allowed: {", ".join(allowed)}'
        assert (answer.status, answer.body) == (400, {"error": error})


def test_a_reopen_that_would_make_two_is_refused(person: Caller, workspace: Workspace) -> None:
    route = make_route(workspace)
    first = fire(route, dedup_key="same").incident_id
    incidents.resolve(actor=actor(workspace), incident_id=first or 0, now=NOW)
    second = fire(route, NOW + minutes(1), dedup_key="same")
    answer = person.patch(f"{LIST}/inc-{first:08x}", {"status": "open"})
    assert answer.status == 409
    assert second.incident_name in answer.body["error"]


def test_timestamps_of_the_way(person: Caller, workspace: Workspace) -> None:
    incident = make_incident(workspace)
    for n, status in enumerate((Status.ACKNOWLEDGED, Status.RESOLVED, Status.CLOSED), 1):
        incidents.change_status(actor=actor(workspace), incident_id=incident.pk, wanted=status, now=NOW + minutes(n))
    shown = person.get(f"{LIST}/{incident.public_id}").body["incident"]
    assert [shown[key] for key in ("firedAt", "acknowledgedAt", "resolvedAt", "closedAt")] == [
        f"2026-03-19T14:3{n}:00.000Z" for n in range(4)
    ]
    assert shown["resolvedBy"] == "ana"


def test_notes_are_kept_trimmed_and_in_order_and_may_be_long(person: Caller, workspace: Workspace) -> None:
    path = f"{LIST}/{make_incident(workspace).public_id}/notes"
    long = "ü" * 20_000
    for content in ("  first ", long):
        answer = person.post(path, {"content": content})
    assert [note["content"] for note in answer.body["incident"]["notes"]] == ["first", long]
    assert person.post(path, {"content": long + "ü"}).status == 400
    assert person.post(path, {"content": 7}).body["incident"]["notes"][2]["content"] == "7"
    assert person.post(path, {"content": ["x"]}).body == {"error": "Note content is required"}


def test_what_an_integration_did_carries_its_name(person: Caller, operator: Caller, workspace: Workspace) -> None:
    incident = make_incident(workspace)
    operator.post(f"/incidents/{incident.public_id}/notes", {"content": "from a script"})
    operator.post(f"/incidents/{incident.public_id}/acknowledge")
    shown = person.get(f"{LIST}/{incident.public_id}").body["incident"]
    note = shown["notes"][0]
    assert (note["userId"], note["userName"], note["userEmail"]) == ("operator", "operator", None)
    assert shown["statusHistory"][1]["changedBy"] == "operator"


def test_a_person_without_a_workspace_sees_an_empty_list(db: None) -> None:
    make_incident()
    assert signed_in(make_user("eve")).get(LIST).body == {"incidents": [], "openCount": 0}


def test_a_superuser_sees_every_workspace(workspace: Workspace) -> None:
    made = {make_incident(workspace).public_id, make_incident(make_workspace()).public_id}
    root = signed_in(make_user("root", is_superuser=True))
    assert set(ids(root, "")) == made
    assert Incident.objects.count() == 2
