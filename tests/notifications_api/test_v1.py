"""v1's paging resources: policies with levels, routes, and what was done about an incident."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from aiops.access.actors import Role
from aiops.access.models import Team, Workspace
from incidents.models import Incident, Service
from incidents.response.services import incidents
from notifications.choices import ChannelKind, TargetKind
from notifications.escalation.api.v1.levels import definition_of, levels_of
from notifications.escalation.definition import Definition
from notifications.escalation.services import steps
from notifications.models import Delivery, Destination, EscalationPolicy, EscalationRun, Schedule
from tests.api.conftest import MakeKey
from tests.factories import NOW, actor, make_incident, make_service, make_user, make_workspace, minutes
from tests.responding.making import make_delivery, make_destination

POLICIES = "/api/v1/escalationpolicies"
ROUTES = "/api/v1/notificationpolicies"


# --- levels, pure ----------------------------------------------------------------------------------------------------------

steps_ = st.fixed_dictionaries(
    {
        "name": st.text("abc", max_size=5),
        "delay_minutes": st.integers(0, 100),
        "repeat_every_minutes": st.just(0),
        "repeat_times": st.just(0),
        "targets": st.lists(
            st.fixed_dictionaries({"kind": st.sampled_from([*map(str, TargetKind)]), "id": st.integers(1, 9)}),
            min_size=1,
            max_size=3,
            unique_by=lambda target: (target["kind"], target["id"]),
        ),
        "conditions": st.sampled_from(
            [
                {"severities": ["high"], "priorities": ["P1"], "window": None},
                {"severities": [], "priorities": [], "window": None},
            ]
        ),
        "otherwise": st.sampled_from(["skip", "stop"]),
        "urgency": st.sampled_from(["auto", "high", "low"]),
    }
)


@given(st.lists(steps_, min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 99), st.sampled_from([None, 30]))
def test_a_policy_in_levels_is_the_same_policy(
    made: list[dict[str, Any]], repeat: int, wait: int, acknowledge: int | None
) -> None:
    definition = {
        "steps": made,
        "repeat": repeat,
        "final_wait_minutes": wait,
        "acknowledge_minutes": acknowledge,
        "fallback_destinations": [3],
        "stop": {"after_minutes": 600, "below_severity": "high"},
    }
    spec = levels_of(definition, lambda kind, pk: f"{kind}-{pk}")
    back = definition_of(spec, lambda kind, name, path: int(name.rpartition("-")[2]))
    assert Definition.of_json(back) == Definition.of_json(definition)


# --- escalation policies ---------------------------------------------------------------------------------------------------


@pytest.fixture
def world(workspace: Workspace) -> Workspace:
    for name in ("ana", "bo"):
        user = make_user(name, workspace)
        make_destination(ChannelKind.SMS, f"+1555000{user.pk:04d}", owner=user)
    Team.objects.create(workspace=workspace, name="management")
    Schedule.objects.create(workspace=workspace, name="primary", feed_digest="x", feed_sealed="x")
    make_destination(ChannelKind.LOG, "noc", workspace=workspace, label="#noc")
    return workspace


LADDER = {
    "name": "critical-ladder",
    "severities": ["critical"],
    "levels": [
        {
            "name": "L1-OnCall",
            "timeoutMinutes": 15,
            "targets": [{"type": "user", "name": "ana"}],
            "notifyChannels": ["#noc"],
            "repeatIntervalMinutes": 5,
        },
        {"name": "L2-SeniorSRE", "targets": [{"type": "user", "name": "bo"}]},
        {"name": "L3-Management", "timeoutMinutes": 60, "targets": [{"type": "team", "name": "management"}]},
    ],
}


@pytest.mark.django_db
def test_policies_are_made_read_replaced_and_removed(key: MakeKey, world: Workspace) -> None:
    admin, viewer = key(Role.ADMIN), key(Role.VIEWER)
    made = admin.post(POLICIES, LADDER)
    assert made.status == 201, made
    assert made.body["kind"] == "EscalationPolicy" and made.body["metadata"] == made.body["resourceMeta"]
    assert made.body["metadata"]["name"] == "critical-ladder" and made.body["metadata"]["namespace"] == "default"
    first, second, third = made.body["spec"]["levels"]
    assert (first["name"], first["timeoutMinutes"], first["repeatIntervalMinutes"], first["repeatTimes"]) == (
        "L1-OnCall", 15, 5, 2,
    )  # fmt: skip
    assert first["targets"] == [{"type": "user", "name": "ana"}, {"type": "channel", "name": "#noc"}]
    assert first["notifyChannels"] == ["#noc"]
    assert (second["timeoutMinutes"], third["timeoutMinutes"]) == (15, 60)
    assert made.body["status"] == {"version": 1, "activeEscalations": [], "totalEscalations": 0}
    assert viewer.get(f"{POLICIES}/critical-ladder").body == made.body
    listed = viewer.get(POLICIES).body
    assert (listed["kind"], listed["metadata"]) == (
        "EscalationPolicyList",
        {"totalCount": 1, "page": 1, "pageSize": 20},
    )
    assert (
        listed["items"][0]["name"] == "critical-ladder" and listed["items"][0]["levels"] == made.body["spec"]["levels"]
    )
    assert viewer.get(f"{POLICIES}?page=2").body["items"] == []

    same = admin.send("PUT", f"{POLICIES}/critical-ladder", {"spec": made.body["spec"]})
    assert (same.status, same.body["status"]["version"]) == (200, 1)  # what it says is what it said
    shorter = {**LADDER, "levels": [{"targets": [{"type": "oncall", "name": "primary"}]}], "defaultPolicy": True}
    changed = admin.send("PUT", f"{POLICIES}/critical-ladder", shorter).body
    assert changed["status"]["version"] == 2 and changed["spec"]["defaultPolicy"]
    again = admin.post(POLICIES, {"metadata": {"name": "critical-ladder"}, "spec": LADDER | {"name": "ignored"}})
    assert (again.status, again.body["error"]["message"]) == (409, "Escalation policy already exists")
    gone = admin.send("DELETE", f"{POLICIES}/critical-ladder")
    assert gone.body == {"apiVersion": "v1", "kind": "Status", "status": "deleted", "name": "critical-ladder"}
    missing = viewer.get(f"{POLICIES}/critical-ladder")
    assert (missing.status, missing.body["error"]["message"]) == (404, "Escalation policy not found")


@pytest.mark.django_db
def test_only_admins_of_the_workspace_configure(key: MakeKey, world: Workspace) -> None:
    key(Role.ADMIN).post(POLICIES, LADDER)
    for role in (Role.VIEWER, Role.OPERATOR):
        for method, path in (
            ("POST", POLICIES),
            ("PUT", f"{POLICIES}/critical-ladder"),
            ("DELETE", f"{POLICIES}/critical-ladder"),
        ):
            assert key(role).send(method, path, LADDER).status == 403, (role, method)
    stranger = key(Role.ADMIN, workspace=make_workspace())
    for method in ("GET", "PUT", "DELETE"):
        assert stranger.send(method, f"{POLICIES}/critical-ladder", LADDER).status == 404
    assert stranger.get(POLICIES).body["items"] == []


def changed(**level: Any) -> dict[str, Any]:
    return {**LADDER, "levels": [{**LADDER["levels"][0], **level}]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        ({}, "levels"),
        ({"levels": LADDER["levels"]}, "name"),
        ({"name": "x"}, "levels"),
        ({"name": "x", "levels": []}, "levels"),
        ({"name": "x", "levels": [7]}, "levels"),
        ({"name": "x", "spec": 7, "levels": "no"}, "levels"),
        ({"metadata": 3, "spec": {"levels": LADDER["levels"]}}, "name"),
        (changed(targets=[{"type": "user", "name": "nobody"}]), "levels[0].targets[0].name"),
        (changed(targets=[{"type": "pigeon", "name": "x"}]), "type"),
        (changed(notifyChannels=["#none"]), "levels[0].notifyChannels[0]"),
        (changed(targets=[], notifyChannels=[]), "levels[0].targets"),
        (changed(timeoutMinutes=-1), "timeoutMinutes"),
        (changed(timeoutMinutes=10**9), "timeoutMinutes"),
        (changed(repeatIntervalMinutes=5, repeatTimes=9), "levels[0].repeatTimes"),
        (changed(conditions={"window": {"from": "9", "to": "17:00"}}), "window"),
        (changed(conditions={"severities": ["awful"]}), "severities"),
        ({**LADDER, "severities": ["awful"]}, "severities"),
        ({**LADDER, "fallbackChannels": ["#none"]}, "fallbackChannels[0]"),
    ],
)
def test_what_is_wrong_with_a_policy_is_named(key: MakeKey, world: Workspace, body: Any, named: str) -> None:
    answer = key(Role.ADMIN).post(POLICIES, body)
    assert answer.status == 400 and named in answer.body["error"]["message"], answer
    assert not EscalationPolicy.objects.exists()


@pytest.fixture
def paged(key: MakeKey, world: Workspace) -> Incident:
    """An incident over the ladder, one minute after the first level was told."""
    key(Role.ADMIN).post(POLICIES, LADDER | {"severities": [], "defaultPolicy": True})
    incident = make_incident(world)
    steps.run_due(NOW)
    return incident


@pytest.mark.django_db
def test_what_is_on_is_in_the_status_and_on_the_incident(key: MakeKey, paged: Incident) -> None:
    viewer = key(Role.VIEWER)
    status = viewer.get(f"{POLICIES}/critical-ladder").body["status"]
    assert status["totalEscalations"] == 1
    assert status["activeEscalations"] == [
        {
            "issueName": paged.name,
            "currentLevel": 0,
            "escalatedAt": "2026-03-19T14:30:00Z",
            "acknowledgedAt": None,
            "acknowledgedBy": None,
        }
    ]
    path = f"/api/v1/incidents/{paged.name}"
    expected = {
        "platform.chatcli.io/escalation-level": "0",
        "platform.chatcli.io/escalation-time": "2026-03-19T14:30:00Z",
        "platform.chatcli.io/escalation-policy": "critical-ladder",
    }
    assert viewer.get(path).body["metadata"]["annotations"] == expected
    assert viewer.get("/api/v1/incidents").body["items"][0]["annotations"] == expected

    for later in (5, 10, 15):  # told twice more, then the next level
        steps.run_due(NOW + minutes(later))
    assert viewer.get(path).body["metadata"]["annotations"]["platform.chatcli.io/escalation-level"] == "1"
    assert viewer.get(path).body["status"]["state"] == "Escalated"
    events = viewer.get(f"{path}/timeline").body["events"]
    assert {event["source"] for event in events if event["type"] == "Escalation"} == {"notification-manager"}

    incidents.acknowledge(actor=actor(paged.workspace), incident_id=paged.pk, now=NOW + minutes(17))
    active = viewer.get(f"{POLICIES}/critical-ladder").body["status"]["activeEscalations"]
    assert (active[0]["acknowledgedBy"], active[0]["acknowledgedAt"]) == ("ana", "2026-03-19T14:47:00Z")
    incidents.resolve(actor=actor(paged.workspace), incident_id=paged.pk, now=NOW + minutes(18))
    after = viewer.get(path).body["metadata"]["annotations"]
    assert not any(name.startswith("platform.chatcli.io/escalation") for name in after)
    status = viewer.get(f"{POLICIES}/critical-ladder").body["status"]
    assert (status["activeEscalations"], status["totalEscalations"]) == ([], 1)


@pytest.mark.django_db
def test_the_escalation_of_an_incident(key: MakeKey, paged: Incident) -> None:
    viewer, operator = key(Role.VIEWER), key()
    path = f"/api/v1/incidents/{paged.name}"
    body = viewer.get(f"{path}/escalation").body
    assert body["kind"] == "IncidentEscalation" and body["metadata"] == {"name": paged.name, "namespace": "default"}
    assert body["spec"] == {
        "policy": "critical-ladder",
        "version": 1,
        "levels": ["L1-OnCall", "L2-SeniorSRE", "L3-Management"],
    }
    status = body["status"]
    assert (status["state"], status["currentLevel"], status["levelName"]) == ("active", 0, "L1-OnCall")
    assert status["escalatedAt"] == "2026-03-19T14:30:00Z" and status["nextStep"]
    assert viewer.post(f"{path}/escalate").status == 403
    more = operator.post(f"{path}/escalate", {"reason": "no idea"})
    assert (more.status, more.body["status"]["state"]) == (200, "Escalated")
    run = EscalationRun.objects.get(incident=paged)
    assert run.wake == "escalated"
    assert viewer.get("/api/v1/incidents/INC-20200101-001/escalation").status == 404
    assert viewer.get("/api/v1/incidents/nonsense/escalation").body["error"]["message"] == "Incident not found"


@pytest.mark.django_db
def test_an_incident_that_nobody_escalates(key: MakeKey, workspace: Workspace) -> None:
    incident = make_incident(workspace)
    body = key().get(f"/api/v1/incidents/{incident.name}/escalation").body
    assert (body["spec"]["policy"], body["spec"]["levels"], body["status"]["state"]) == (None, [], "none")


@pytest.mark.django_db
def test_the_messages_about_an_incident(key: MakeKey, paged: Incident) -> None:
    path = f"/api/v1/incidents/{paged.name}/notifications"
    body = key(Role.VIEWER).get(path).body
    rows = Delivery.objects.filter(incident=paged)
    assert (body["kind"], body["metadata"]["totalCount"]) == ("NotificationList", rows.count())
    shown = {item["channel"]: item for item in body["items"]}
    assert (shown["log"]["destination"], shown["log"]["recipient"]) == ("#noc", None)
    assert (shown["sms"]["destination"], shown["sms"]["recipient"], shown["sms"]["level"]) == (None, "ana", 0)
    assert shown["sms"]["state"] == "pending" and shown["sms"]["purpose"] == "page"
    assert len(key().get(f"{path}?pageSize=1").body["items"]) == 1
    assert key(workspace=make_workspace()).get(path).status == 404


@pytest.mark.django_db
def test_lists_take_the_same_number_of_queries_for_any_length(key: MakeKey, world: Workspace) -> None:
    admin, viewer = key(Role.ADMIN), key(Role.VIEWER)
    incident = make_incident(world)
    sms = Destination.objects.filter(kind="sms").first()

    def fill(numbers: range) -> None:
        for n in numbers:
            assert admin.post(POLICIES, LADDER | {"name": f"p{n}"}).status == 201
            assert admin.post(ROUTES, {"name": f"r{n}", "destinations": ["#noc"]}).status == 201
            make_delivery(incident, sms, recipient=sms.owner, round=n)

    def count(path: str) -> int:
        viewer.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(path).status == 200
        return len(captured)

    paths = (POLICIES, ROUTES, f"/api/v1/incidents/{incident.name}/notifications")
    fill(range(1, 3))
    few = [count(path) for path in paths]
    fill(range(3, 9))
    assert [count(path) for path in paths] == few


# --- notification policies -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_routes_are_notification_policies(key: MakeKey, world: Workspace) -> None:
    admin, operator, viewer = key(Role.ADMIN), key(), key(Role.VIEWER)
    make_service(world, "payments")
    spec = {
        "enabled": True,
        "position": 3,
        "severities": ["critical", "high"],
        "service": "payments",
        "team": "management",
        "matchLabels": {"env": "prod-*"},
        "window": {"days": [0], "from": "09:00", "to": "17:00", "time_zone": "UTC"},
        "channels": ["slack"],
        "destinations": ["#noc"],
    }
    made = admin.post(ROUTES, {"metadata": {"name": "payments"}, "spec": spec})
    assert made.status == 201, made
    assert (made.body["kind"], made.body["spec"]) == ("NotificationPolicy", spec)
    assert viewer.get(f"{ROUTES}/payments").body == made.body
    assert viewer.get(ROUTES).body["items"] == [{**spec, **made.body["metadata"]}]
    assert admin.send("PUT", f"{ROUTES}/payments", {"channels": ["email"]}).body["spec"]["severities"] == []
    assert admin.post(ROUTES, {"name": "payments", "channels": ["email"]}).status == 409
    for body, named in (
        ({"name": "x"}, "channels"),
        ({"name": "x", "channels": ["pigeon"]}, "channels"),
        ({"name": "x", "destinations": ["#none"]}, "destinations[0]"),
        ({"name": "x", "channels": ["slack"], "service": "none"}, "service"),
        ({"name": "x", "channels": ["slack"], "window": {"from": "1", "to": "2"}}, "window"),
    ):
        answer = admin.post(ROUTES, body)
        assert answer.status == 400 and named in answer.body["error"]["message"], answer
    for method, path in (("POST", ROUTES), ("PUT", f"{ROUTES}/payments"), ("DELETE", f"{ROUTES}/payments")):
        assert operator.send(method, path, {"name": "payments", "channels": ["email"]}).status == 403
    assert key(Role.ADMIN, workspace=make_workspace()).get(f"{ROUTES}/payments").status == 404
    assert admin.send("DELETE", f"{ROUTES}/payments").body["status"] == "deleted"
    assert Service.objects.filter(name="payments").exists()
