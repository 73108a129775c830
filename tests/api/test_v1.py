"""What an integration sees and does through ``/api/v1``."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

from aiops.access.actors import Role
from aiops.access.models import Workspace
from incidents.choices import Automation, Severity
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents, timers
from tests.api.conftest import Caller, MakeKey
from tests.factories import NOW, actor, make_incident, make_user, minutes

pytestmark = pytest.mark.django_db

LIST = "/api/v1/incidents"


def names(caller: Caller, query: str = "") -> list[str]:
    answer = caller.get(f"{LIST}?{query}")
    assert answer.status == 200, answer
    assert answer.body["metadata"]["totalCount"] == len(answer.body["items"])
    return [item["name"] for item in answer.body["items"]]


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


def test_a_list_is_newest_first_in_the_envelope(operator: Caller, workspace: Workspace) -> None:
    made = [make_incident(workspace, NOW + minutes(n)) for n in range(3)]
    body = operator.get(LIST).body
    assert (body["apiVersion"], body["kind"]) == ("v1", "IncidentList")
    assert body["metadata"] == {"totalCount": 3, "page": 1, "pageSize": 20}
    assert [item["name"] for item in body["items"]] == [incident.name for incident in reversed(made)]


def test_an_item_is_flat(operator: Caller, workspace: Workspace) -> None:
    make_incident(
        workspace,
        severity=Severity.HIGH,
        namespace="production",
        resource_kind="Deployment",
        resource_name="payment-service",
        signal_type="oom_kill",
        labels={"team": "payments"},
    )
    item = operator.get(LIST).body["items"][0]
    assert {key: item[key] for key in ("namespace", "severity", "state", "resource", "signalType", "labels")} == {
        "namespace": "production",
        "severity": "high",
        "state": "Detected",
        "resource": "Deployment/payment-service",
        "signalType": "oom_kill",
        "labels": {"team": "payments"},
    }
    assert item["resourceRef"] == {"kind": "Deployment", "name": "payment-service", "namespace": "production"}
    assert item["detectedAt"] == item["creationTimestamp"] == "2026-03-19T14:30:00Z"
    assert item["age"].endswith("d")
    assert item["resolvedAt"] is None


def test_pages(operator: Caller, workspace: Workspace) -> None:
    made = [make_incident(workspace).name for _ in range(5)][::-1]
    pages = [operator.get(f"{LIST}?pageSize=2&page={page}").body for page in (1, 2, 3, 4)]
    assert [[item["name"] for item in page["items"]] for page in pages] == [made[:2], made[2:4], made[4:], []]
    assert pages[3]["metadata"] == {"totalCount": 5, "page": 4, "pageSize": 2}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=two", "page"),
        ("page=1.5", "page"),
        ("page=99999999999999999999", "page"),
        ("pageSize=0", "pageSize"),
        ("pageSize=101", "pageSize"),
        ("pageSize=ten", "pageSize"),
        ("since=yesterday", "since"),
        ("from=2026-03-19", "from"),
        ("to=2026-03-19T14:30:00", "to"),
        ("severity=bad", "severity"),
        ("severity=Critical", "severity"),
        ("state=open", "state"),
        ("state=resolved", "state"),
        ("snoozed=perhaps", "snoozed"),
        ("before=INC-20260319-001", "before"),
        ("namespace=a%00b", "namespace"),
        ("unknown%00=1", "unknown"),
    ],
)
def test_bad_parameters_are_named(operator: Caller, query: str, named: str) -> None:
    answer = operator.get(f"{LIST}?{query}")
    assert (answer.status, answer.body["kind"], answer.body["error"]["code"]) == (400, "Error", 400)
    assert named in answer.body["error"]["message"]


def test_blank_and_unknown_parameters_narrow_nothing(operator: Caller, incident: Incident) -> None:
    assert names(operator, "page=&pageSize=&severity=&state=&since=&namespace=&utm_source=x") == [incident.name]


def test_filter_by_severity(operator: Caller, workspace: Workspace) -> None:
    made = {severity.word: make_incident(workspace, severity=severity).name for severity in Severity}
    for word, name in made.items():
        assert names(operator, f"severity={word}") == [name]
    assert names(operator, "severity=high,critical") == [made["critical"], made["high"]]
    assert names(operator, "severity=low&severity=info") == [made["low"], made["info"]]


def test_filter_by_state(operator: Caller, workspace: Workspace) -> None:
    detected, analyzing, escalated, resolved = (make_incident(workspace) for _ in range(4))
    Incident.objects.filter(pk=analyzing.pk).update(automation=Automation.ANALYZING)
    for verb, incident in (
        (incidents.escalate, escalated),
        (incidents.escalate, resolved),
        (incidents.resolve, resolved),
    ):
        verb(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    incidents.acknowledge(actor=actor(workspace), incident_id=escalated.pk, now=NOW)

    assert names(operator, "state=Detected") == [detected.name]
    assert names(operator, "state=Analyzing") == [analyzing.name]
    assert names(operator, "state=Escalated") == [escalated.name]
    assert names(operator, "state=Resolved") == [resolved.name]
    assert names(operator, "state=Failed") == []
    for item in operator.get(LIST).body["items"]:
        assert item["name"] in names(operator, f"state={item['state']}")


def test_filter_by_namespace_and_resource(operator: Caller, workspace: Workspace) -> None:
    one = make_incident(workspace, namespace="a", resource_kind="Deployment", resource_name="web").name
    two = make_incident(workspace, namespace="b", resource_kind="StatefulSet", resource_name="web").name
    none = make_incident(workspace, resource_name="team/web").name
    assert names(operator, "namespace=a") == [one]
    assert names(operator, "namespace=default") == [none]
    assert names(operator, "namespace=production") == []
    assert names(operator, "resource=Deployment/web") == [one]
    assert names(operator, "resource=deployment/web") == [one]
    assert names(operator, "resource=web") == [two, one]
    assert names(operator, "resource=team/web") == [none]
    assert names(operator, "resource=Deployment/") == []


def test_filter_by_time(operator: Caller, workspace: Workspace) -> None:
    early, late = make_incident(workspace, NOW).name, make_incident(workspace, NOW + minutes(60)).name
    middle = "2026-03-19T15:00:00Z"
    assert names(operator, f"since={middle}") == names(operator, f"from={middle}") == [late]
    assert names(operator, f"to={middle}") == [early]
    assert names(operator, f"from={middle}&to={middle}") == []
    assert names(operator, f"since={quote('2026-03-19T17:00:00+02:00')}") == [late]
    assert names(operator, "since=2026-03-19T17:00:00+02:00") == [late]  # unescaped, as curl sends it
    assert names(operator, "from=2026-03-19T14:30:00Z&to=2026-03-19T15:30:00Z") == [late, early]


def test_get_by_name_and_by_id(operator: Caller, incident: Incident) -> None:
    by_name, by_id = (operator.get(f"{LIST}/{ref}") for ref in (incident.name, incident.public_id))
    assert by_name.body == by_id.body
    assert by_name.body["metadata"]["uid"] == incident.public_id
    assert by_name.body["resourceMeta"] == by_name.body["metadata"]


def test_a_namespace_is_exactly_that_one(operator: Caller, workspace: Workspace) -> None:
    incident, bare = make_incident(workspace, namespace="production"), make_incident(workspace)
    assert operator.get(f"{LIST}/{incident.name}?namespace=production").status == 200
    assert operator.get(f"{LIST}/{bare.name}?namespace=default").body["metadata"]["namespace"] == "default"
    answer = operator.get(f"{LIST}/{incident.name}?namespace=staging")
    assert answer.status == 404
    assert answer.body["error"]["details"].endswith("found in namespace 'staging'")
    assert operator.post(f"{LIST}/{incident.name}/resolve?namespace=staging").status == 404


def test_acknowledge_names_who(operator: Caller, incident: Incident) -> None:
    body = {"acknowledgedBy": "alice", "message": "looking"}
    shown = operator.post(f"{LIST}/{incident.name}/acknowledge", body).body
    status = shown["status"]
    assert (status["state"], status["acknowledged"]) == ("Detected", True)
    assert (status["acknowledgedBy"], status["message"]) == ("alice", "looking")
    assert shown["metadata"]["annotations"] == {
        "aiops.chatcli.io/acknowledged": "true",
        "aiops.chatcli.io/acknowledged-by": "alice",
        "aiops.chatcli.io/acknowledged-at": status["acknowledgedAt"],
    }
    assert operator.get(f"{LIST}/{incident.name}").body == shown


def test_acknowledged_by_defaults_to_the_caller(key: MakeKey, incident: Incident) -> None:
    shown = key(name="ci-bot").post(f"{LIST}/{incident.name}/acknowledge").body
    assert shown["status"]["acknowledgedBy"] == "ci-bot"


def test_a_second_acknowledge_tells_who_was_first(operator: Caller, workspace: Workspace, incident: Incident) -> None:
    incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=NOW, by="alice")
    answer = operator.post(f"{LIST}/{incident.name}/acknowledge", {"acknowledgedBy": "bob"})
    assert (answer.status, answer.body["error"]) == (
        409,
        {
            "code": 409,
            "message": "Incident already acknowledged",
            "details": f"The incident '{incident.name}' was already acknowledged by alice at 2026-03-19T14:30:00Z",
        },
    )


def test_acknowledge_of_what_is_resolved(operator: Caller, workspace: Workspace, incident: Incident) -> None:
    incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    answer = operator.post(f"{LIST}/{incident.name}/acknowledge")
    assert (answer.status, answer.body["error"]["message"]) == (409, "Can't acknowledge an incident that is resolved")
    assert answer.body["error"]["details"].endswith("was already resolved at 2026-03-19T14:30:00Z")


def test_acknowledge_while_investigated_and_resolve_while_closed(
    operator: Caller, workspace: Workspace, incident: Incident
) -> None:
    who = actor(workspace, label="ana")
    incidents.investigate(actor=who, incident_id=incident.pk, now=NOW)
    answer = operator.post(f"{LIST}/{incident.name}/acknowledge")
    assert (answer.status, "acknowledged by ana" in answer.body["error"]["details"]) == (409, True)
    incidents.close(actor=who, incident_id=incident.pk, now=NOW)
    answer = operator.post(f"{LIST}/{incident.name}/resolve")
    assert (answer.status, "already resolved at" in answer.body["error"]["details"]) == (409, True)


def test_snooze_and_unsnooze(operator: Caller, incident: Incident) -> None:
    shown = operator.post(
        f"{LIST}/{incident.name}/snooze", {"duration": "2h30m", "reason": "deploy", "snoozedBy": "alice"}
    ).body
    status = shown["status"]
    assert (status["state"], status["snoozed"], status["snoozedBy"]) == ("Detected", True, "alice")
    assert status["snoozeReason"] == "deploy"
    snoozed_for = datetime.fromisoformat(status["snoozeUntil"]) - datetime.fromisoformat(status["snoozedAt"])
    assert snoozed_for == timedelta(hours=2, minutes=30)
    assert shown["metadata"]["annotations"]["aiops.chatcli.io/snoozed-until"] == status["snoozeUntil"]

    woken = operator.post(f"{LIST}/{incident.name}/unsnooze").body
    assert woken["status"]["snoozed"] is False
    assert woken["status"]["snoozeUntil"] is None
    assert woken["metadata"]["annotations"] == {}
    assert operator.post(f"{LIST}/{incident.name}/unsnooze").status == 409


@pytest.mark.parametrize("duration", ["30m", "1h", "720h", "1ms"])
def test_a_snooze_within_its_bounds(operator: Caller, incident: Incident, duration: str) -> None:
    assert operator.post(f"{LIST}/{incident.name}/snooze", {"duration": duration}).status == 200


@pytest.mark.parametrize(
    "duration", [None, "", "0s", "-1h", "1ns", "720h1s", "1000h", "1d", "soon", 30, True, ["1h"], {}]
)
def test_a_snooze_beyond_them(operator: Caller, incident: Incident, duration: object) -> None:
    answer = operator.post(f"{LIST}/{incident.name}/snooze", {"duration": duration})
    assert answer.status == 400
    assert "duration" in answer.body["error"]["message"]
    assert not Incident.objects.get().snoozed_until


def test_a_bad_duration_beats_an_unknown_incident(operator: Caller) -> None:
    assert operator.post(f"{LIST}/INC-20260319-999/snooze").status == 400
    assert operator.post(f"{LIST}/INC-20260319-999/snooze", {"duration": "1h"}).status == 404


def test_snooze_of_what_is_over(operator: Caller, workspace: Workspace, incident: Incident) -> None:
    incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    assert operator.post(f"{LIST}/{incident.name}/snooze", {"duration": "1h"}).status == 409


def test_a_resolve_by_a_signal_is_told_as_automatic(operator: Caller, workspace: Workspace) -> None:
    incident = make_incident(workspace)
    Incident.objects.filter(pk=incident.pk).update(
        status="resolved", resolved_at=NOW, resolved_by="alertmanager:prometheus"
    )
    assert operator.get(f"{LIST}/{incident.name}").body["metadata"]["annotations"] == {
        "aiops.chatcli.io/resolved-by": "alertmanager:prometheus",
        "aiops.chatcli.io/resolved-at": "2026-03-19T14:30:00Z",
        "aiops.chatcli.io/auto-resolution": "true",
    }


def test_suppressed_is_told_in_annotations(operator: Caller, incident: Incident) -> None:
    rule = {"kind": "window", "id": 1, "name": "db upgrade", "reason": "planned"}
    Incident.objects.filter(pk=incident.pk).update(suppressed_by=rule)
    shown = operator.get(f"{LIST}/{incident.name}").body
    assert shown["status"]["state"] == "Detected"
    assert shown["metadata"]["annotations"] == {
        "aiops.chatcli.io/suppressed": "true",
        "aiops.chatcli.io/suppressed-by": "db upgrade",
        "aiops.chatcli.io/suppressed-reason": "planned",
    }


def test_the_timeline_is_there_from_the_first_second(operator: Caller, workspace: Workspace) -> None:
    incident = make_incident(workspace, namespace="production", severity=Severity.CRITICAL)
    body = operator.get(f"{LIST}/{incident.name}/timeline").body
    assert body["kind"] == "IncidentTimeline"
    assert body["metadata"] == {"name": incident.name, "namespace": "production", "eventCount": 2}
    assert body["events"][0] == {
        "timestamp": "2026-03-19T14:30:00Z",
        "type": "Alert",
        "source": "webhook:prometheus",
        "message": "Alert received from prometheus",
        "severity": "critical",
        "details": {"source": "prometheus"},
    }
    assert body["events"][1]["type"] == "Detection"


def test_a_kind_of_entry_that_this_version_does_not_know_is_told_all_the_same(
    operator: Caller, incident: Incident
) -> None:
    who = {"actor_kind": "runbook", "actor_id": "1", "actor_label": "restart"}
    TimelineEntry.objects.create(incident=incident, at=NOW, kind="execution_started", **who)
    TimelineEntry.objects.create(incident=incident, at=NOW, kind="execution_ended", data={"said": "Restarted"}, **who)
    answer = operator.get(f"{LIST}/{incident.name}/timeline")
    assert answer.status == 200
    told = [(event["type"], event["source"], event["message"]) for event in answer.body["events"][-2:]]
    assert told == [("Event", "restart", "Execution started"), ("Event", "restart", "Restarted")]


def test_every_kind_of_change_is_in_the_timeline(operator: Caller, workspace: Workspace, incident: Incident) -> None:
    path = f"{LIST}/{incident.name}"
    operator.post(f"{path}/acknowledge", {"acknowledgedBy": "alice", "message": "mine"})
    operator.post(f"{path}/snooze", {"duration": "1h", "reason": "deploy"})
    operator.post(f"{path}/unsnooze")
    who = {"actor": actor(workspace), "incident_id": incident.pk, "now": NOW}
    incidents.add_note(content="a note", **who)
    incidents.assign(assignee=make_user("ben", workspace, Role.OPERATOR), **who)
    incidents.escalate(reason="help", **who)
    operator.post(f"{path}/resolve", {"resolution": "fixed"})
    incidents.reopen(**who)
    events = operator.get(f"{path}/timeline").body["events"][2:]
    told = [(event["type"], event["message"]) for event in events]
    snoozed_until = events[1]["details"]["until"]
    assert told == [
        ("Acknowledgement", "Acknowledged by alice: mine"),
        ("Snooze", f"Snoozed until {snoozed_until} by operator: deploy"),
        ("Unsnooze", "Snooze ended"),
        ("Note", "a note"),
        ("Assignment", "Assigned to ben"),
        ("Escalation", "Escalated: help"),
        ("Resolution", "Resolved by operator: fixed"),
        ("Reopening", "Reopened by ana"),
    ]
    assert datetime.fromisoformat(snoozed_until).microsecond == 0
    assert snoozed_until.endswith("Z")


def test_an_acknowledgement_given_back_is_no_reopening(
    operator: Caller, workspace: Workspace, incident: Incident
) -> None:
    path = f"{LIST}/{incident.name}"
    operator.post(f"{path}/acknowledge", {"acknowledgedBy": "alice"})
    incidents.unacknowledge(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    operator.post(f"{path}/acknowledge", {"acknowledgedBy": "alice"})
    timers.release([incident.pk], NOW, "the acknowledgement ran out")
    told = [(event["type"], event["message"]) for event in operator.get(f"{path}/timeline").body["events"][2:]]
    assert told[1::2] == [
        ("Unacknowledgement", "Acknowledgement given back by ana"),
        ("Unacknowledgement", "Acknowledgement ended: the acknowledgement ran out"),
    ]


def test_remediation_is_empty_until_there_is_one(operator: Caller, incident: Incident) -> None:
    answer = operator.get(f"{LIST}/{incident.name}/remediation?pageSize=5")
    assert (answer.status, answer.body) == (
        200,
        {
            "apiVersion": "v1",
            "kind": "RemediationPlanList",
            "metadata": {"totalCount": 0, "page": 1, "pageSize": 5},
            "items": [],
        },
    )
    assert operator.get(f"{LIST}/INC-20260319-999/remediation").status == 404
    assert operator.get(f"{LIST}/{incident.name}/remediation?page=0").status == 400
