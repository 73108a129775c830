"""What an integration sees and does through the client API, beyond the examples of its page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from incidents.choices import Severity, SourceKind
from incidents.models import DeadLetter, Incident, Service
from incidents.response.services import incidents
from tests.api.conftest import Caller, MakeKey
from tests.factories import NOW, actor, fire, make_incident, make_route, make_workspace, minutes

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.fixture
def path(incident: Incident) -> str:
    return f"/incidents/{incident.public_id}"


def ids(caller: Caller, query: str) -> list[str]:
    answer = caller.get(f"/incidents?{query}")
    assert answer.status == 200, answer
    assert answer.body["count"] == len(answer.body["incidents"])
    return [incident["id"] for incident in answer.body["incidents"]]


def test_states_and_their_filter(operator: Caller, workspace: Workspace) -> None:
    made = {verb: make_incident(workspace) for verb in ("", "acknowledge", "investigate", "resolve", "close")}
    for verb, incident in made.items():
        if verb:
            getattr(incidents, verb)(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    by_state = {
        "open": ["", ],
        "acknowledged": ["investigate", "acknowledge"],
        "resolved": ["close", "resolve"],
    }  # fmt: skip
    for state, verbs in by_state.items():
        assert ids(operator, f"state={state}") == [made[verb].public_id for verb in verbs]
    shown = {item["id"]: item["state"] for item in operator.get("/incidents").body["incidents"]}
    assert shown == {made[verb].public_id: state for state, verbs in by_state.items() for verb in verbs}


def test_limit_and_the_next_page(operator: Caller, workspace: Workspace) -> None:
    made = [make_incident(workspace).public_id for _ in range(25)][::-1]
    assert ids(operator, "") == made[:20]
    assert ids(operator, "limit=100") == made
    first = ids(operator, "limit=10")
    assert first + ids(operator, f"limit=10&before={first[-1]}") == made[:20]


def test_severities_in_its_words(operator: Caller, workspace: Workspace) -> None:
    made = {severity: make_incident(workspace, severity=severity).public_id for severity in Severity}
    assert ids(operator, "severity=info") == [made[Severity.LOW], made[Severity.INFO]]
    assert ids(operator, "severity=warning") == [made[Severity.MEDIUM]]
    incident = make_incident(workspace, severity=Severity.MEDIUM)
    first = operator.get(f"/incidents/{incident.name}/timeline").body["events"][0]
    assert first["payload"] == {"source": "prometheus", "severity": "warning"}


def test_workspace_filter(key: MakeKey, workspace: Workspace) -> None:
    other = make_workspace(slug="ws-other")
    here, there = make_incident(workspace).public_id, make_incident(other).public_id
    everywhere, inside = key(workspace=None), key()
    assert ids(everywhere, "") == [there, here]
    assert ids(everywhere, "workspace_id=ws-other") == [there]
    assert ids(everywhere, "workspace_id=ws-unknown") == []
    assert ids(inside, "") == [here]
    assert ids(inside, "workspace_id=ws-other") == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-5", "limit"),
        ("limit=all", "limit"),
        ("state=closed", "state"),
        ("state=Open", "state"),
        ("severity=medium", "severity"),
        ("since=now", "since"),
        ("before=inc-1", "before"),
        ("workspace_id=%00", "workspace_id"),
    ],
)
def test_bad_parameters_are_named(operator: Caller, query: str, named: str) -> None:
    answer = operator.get(f"/incidents?{query}")
    assert answer.status == 422
    assert list(answer.body) == ["detail"]
    assert named in answer.body["detail"]


def test_a_bad_word_is_answered_with_the_good_ones(operator: Caller) -> None:
    answer = operator.get("/incidents?state=fixed")
    assert answer.body == {"detail": "state must be one of: resolved, acknowledged, open (not 'fixed')"}


def test_detail_by_name_and_by_either_id(operator: Caller, incident: Incident) -> None:
    references = (incident.public_id, incident.public_id.replace("-", "_"), incident.name)
    answers = [operator.get(f"/incidents/{reference}").body for reference in references]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["incident"]["name"], answers[0]["incident"]["occurrences"]) == (incident.name, 1)


def test_metrics_are_minutes_with_one_decimal(operator: Caller, workspace: Workspace, incident: Incident) -> None:
    who = {"actor": actor(workspace), "incident_id": incident.pk}
    metrics = operator.get(f"/incidents/{incident.name}").body["metrics"]
    assert metrics["time_to_first_response_minutes"] is metrics["resolution_time_minutes"] is None
    incidents.acknowledge(now=NOW + timedelta(seconds=33), **who)
    incidents.resolve(now=NOW + minutes(15.3), **who)
    metrics = operator.get(f"/incidents/{incident.name}").body["metrics"]
    assert metrics == {"time_to_first_response_minutes": 0.6, "resolution_time_minutes": 15.3, "actions_taken": 0}


def test_the_whole_way_of_an_incident(operator: Caller, path: str) -> None:
    steps: list[tuple[str, Any, str]] = [
        ("acknowledge", {"by": "alice", "message": "mine"}, "acknowledged"),
        ("unacknowledge", None, "open"),
        ("snooze", {"minutes": 30, "reason": "deploy"}, "open"),
        ("unsnooze", None, "open"),
        ("notes", {"content": "looks better"}, "open"),
        ("resolve", {"resolution": "rolled back"}, "resolved"),
        ("reopen", None, "open"),
    ]
    for verb, body, state in steps:
        answer = operator.post(f"{path}/{verb}", body)
        assert (answer.status, answer.body["ok"], answer.body["incident"]["state"]) == (200, True, state), verb
        assert answer.body["incident"] == operator.get(path).body["incident"]
    events = operator.get(f"{path}/timeline").body
    assert events["count"] == len(events["events"]) == 2 + len(steps)
    kinds = [event["event_type"] for event in events["events"]]
    assert kinds[2:6] == ["status_changed", "status_changed", "snoozed", "unsnoozed"]
    assert events["events"][2]["payload"] == {
        "action": "acknowledge",
        "by": "alice",
        "from": "open",
        "to": "acknowledged",
        "text": "mine",
    }
    assert events["events"][4]["payload"]["until"].endswith("Z")


def test_a_note_is_given_back(operator: Caller, path: str) -> None:
    answer = operator.post(f"{path}/notes", {"content": " text "})
    assert answer.body["note"] == {
        "content": "text",
        "author": "operator",
        "created_at": answer.body["note"]["created_at"],
    }


def test_a_resolution_that_is_left_out(operator: Caller, path: str) -> None:
    assert operator.post(f"{path}/resolve").body["incident"]["resolution"] == "Manually resolved via dashboard"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"duration": "2h30m"}, timedelta(hours=2, minutes=30)),
        ({"minutes": 30}, timedelta(minutes=30)),
        ({"minutes": 0.5}, timedelta(seconds=30)),
    ],
)
def test_a_snooze_by_its_length(operator: Caller, path: str, body: dict[str, Any], expected: timedelta) -> None:
    assert operator.post(f"{path}/snooze", body).status == 200
    incident = Incident.objects.get()
    assert incident.snoozed_until is not None
    assert incident.snoozed_at is not None
    assert incident.snoozed_until - incident.snoozed_at == expected


def test_a_snooze_by_its_end(operator: Caller, path: str) -> None:
    until = (utcnow() + timedelta(hours=5)).replace(microsecond=0)
    answer = operator.post(f"{path}/snooze", {"until": until.isoformat()})
    assert datetime.fromisoformat(answer.body["incident"]["snoozed_until"]) == until


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (None, "duration"),
        ({"duration": "1h", "minutes": 5}, "duration"),
        ({"duration": "-1h"}, "duration"),
        ({"duration": "721h"}, "duration"),
        ({"duration": "soon"}, "duration"),
        ({"duration": None}, "duration"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": -1}, "minutes"),
        ({"minutes": 43201}, "minutes"),
        ({"minutes": 1e300}, "minutes"),
        ({"minutes": True}, "minutes"),
        ({"minutes": "inf"}, "minutes"),
        ({"minutes": "nan"}, "minutes"),
        ({"minutes": "half"}, "minutes"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "9999-12-31T00:00:00Z"}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"until": 5}, "until"),
        ({"duration": "1h", "reason": ["x"]}, "reason"),
        ({"duration": "1h", "by": "x" * 255}, "by"),
    ],
)
def test_a_snooze_that_makes_no_sense(operator: Caller, path: str, body: Any, named: str) -> None:
    answer = operator.post(f"{path}/snooze", body)
    assert answer.status == 422
    assert named in answer.body["detail"]


def test_what_does_not_fit_is_a_conflict_that_says_what_does(operator: Caller, path: str) -> None:
    for verb in ("unacknowledge", "unsnooze", "reopen"):
        assert operator.post(f"{path}/{verb}").status == 409
    assert operator.post(f"{path}/reopen").body == {
        "detail": "Incident already open. Allowed now: acknowledge, investigate, resolve, close."
    }
    operator.post(f"{path}/resolve")
    assert operator.post(f"{path}/resolve").status == 409
    assert operator.post(f"{path}/snooze", {"duration": "1h"}).status == 409


def test_a_reopen_that_would_make_two_names_the_newer(operator: Caller, workspace: Workspace) -> None:
    route = make_route(workspace)
    first = fire(route, dedup_key="same")
    operator.post(f"/incidents/{first.incident_name}/resolve")
    second = fire(route, NOW + minutes(1), dedup_key="same")
    answer = operator.post(f"/incidents/{first.incident_name}/reopen")
    assert answer.status == 409
    assert second.incident_name in answer.body["detail"]


@pytest.mark.parametrize("body", [None, {}, {"content": ""}, {"content": "  "}, {"content": None}, {"content": []}])
def test_a_note_needs_content(operator: Caller, path: str, body: Any) -> None:
    answer = operator.post(f"{path}/notes", body)
    assert answer.status == 422
    assert "content" in answer.body["detail"]


# --- dead letters ---------------------------------------------------------------------------------------------------
def letter(workspace: Workspace, raw: bytes, at: datetime = NOW) -> None:
    DeadLetter.objects.create(
        workspace=workspace, source_kind=SourceKind.WEBHOOK, received_at=at, error="no title", raw=raw
    )


DEEP = b"[" * 400 + b"]" * 400


@pytest.mark.parametrize(
    ("raw", "payload"),
    [
        (b'{"title": ""}', {"title": ""}),
        (b'{"a": "\\u0000"}', {"a": "\0"}),
        (b"title=x&severity=y", "title=x&severity=y"),
        (b"", ""),
        (b'{"a": "\\ud800"}', '{"a": "\\ud800"}'),
        (b"caf\xe9 \x00", "caf� \0"),
        (DEEP, DEEP.decode()),
        (b'{"a": 123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
        (b'"' + b"x" * 70_000 + b'"', '"' + "x" * 65_535 + "…"),
    ],
)
def test_a_dead_letter_shows_its_body(operator: Caller, workspace: Workspace, raw: bytes, payload: Any) -> None:
    letter(workspace, raw)
    (entry,) = operator.get("/webhook/dead-letter").body["entries"]
    assert entry == {"payload": payload, "source": "webhook", "error": "no title", "timestamp": "2026-03-19T14:30:00Z"}


def test_dead_letters_are_newest_first_and_limited(operator: Caller, workspace: Workspace) -> None:
    for n in range(3):
        letter(workspace, str(n).encode(), NOW + minutes(n))
    letter(make_workspace(), b"another's")
    assert [entry["payload"] for entry in operator.get("/webhook/dead-letter").body["entries"]] == [2, 1, 0]
    answer = operator.get("/webhook/dead-letter?limit=2").body
    assert (answer["count"], len(answer["entries"])) == (2, 2)
    for limit in ("0", "1001", "x"):
        assert operator.get(f"/webhook/dead-letter?limit={limit}").status == 422


def test_a_viewer_reads_no_dead_letters(key: MakeKey, workspace: Workspace) -> None:
    letter(workspace, b"a body may hold anything")
    answer = key(Role.VIEWER).get("/webhook/dead-letter")
    assert answer.status == 403 and "operator" in answer.body["detail"]
    assert key(Role.VIEWER, workspace=None).get("/webhook/dead-letter").status == 403


def test_a_refused_body_is_kept_without_its_routing_key(
    operator: Caller, workspace: Workspace, service: Service
) -> None:
    event = {"routing_key": service.routing_key, "event_action": "trigger", "payload": {"source": "x"}}
    assert operator.post("/v2/enqueue", event).status == 400
    (entry,) = operator.get("/webhook/dead-letter").body["entries"]
    assert entry["payload"] == event | {"routing_key": "***"}
    assert service.routing_key.encode() not in bytes(DeadLetter.objects.get().raw)
