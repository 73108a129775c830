"""The client API of paging: routes, tests, previews, PagerDuty. The contract's examples word for word."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.access.actors import Role
from aiops.access.models import Workspace
from incidents.models import Incident, Service
from notifications.choices import ChannelKind
from notifications.escalation.services import policies, routes
from notifications.models import Delivery, Destination, Route
from tests.api.conftest import Caller, MakeKey
from tests.api.contracts import example, text
from tests.factories import NOW, actor, make_service, make_user, make_workspace
from tests.responding.making import make_destination, make_provider
from tests.responding.signing import pagerduty

pytestmark = pytest.mark.django_db


@pytest.fixture
def defaults(workspace: Workspace) -> Workspace:
    routes.ensure_default_routes(workspace)
    return workspace


@pytest.fixture
def payments(workspace: Workspace) -> Service:
    return make_service(workspace, "payments")


def test_routes_are_the_contracts(operator: Caller, defaults: Workspace, payments: Service) -> None:
    admin = actor(defaults, Role.ADMIN)
    routes.create_route(
        actor=admin, workspace=defaults, name="more", service=payments, severities=["critical"], channels=["teams"]
    )
    page = example("client/notifications-routes")
    body = operator.get("/notifications/routes").body
    assert body["default_rules"] == page["default_rules"]
    assert body["service_overrides"] == page["service_overrides"]
    assert body["registered_adapters"] == sorted(body["registered_adapters"])
    assert set(page["registered_adapters"]) <= set(body["registered_adapters"])
    assert [route["name"] for route in body["routes"]][-1] == "more"
    # What asks for labels, hours or a team is no default; what is switched off is nothing.
    conditional = {"labels": {"env": "prod"}, "severities": ["info"], "channels": ["sms"]}
    routes.create_route(actor=admin, workspace=defaults, name="prod", **conditional)
    routes.create_route(actor=admin, workspace=defaults, name="off", enabled=False, channels=["sms"])
    assert operator.get("/notifications/routes").body["default_rules"] == page["default_rules"]


def test_admins_make_change_and_remove_routes(key: MakeKey, workspace: Workspace, payments: Service) -> None:
    admin, operator, viewer = key(Role.ADMIN), key(), key(Role.VIEWER)
    noc = make_destination(ChannelKind.SLACK, "#noc", workspace=workspace)
    asked = {
        "name": "Payments at night",
        "severities": ["critical", "high"],
        "service": "PAYMENTS",
        "labels": {"env": "prod-*"},
        "window": {"days": [0, 4], "from": "22:00", "to": "06:00", "time_zone": "Europe/Berlin"},
        "channels": ["email"],
        "destinations": [noc.pk],
    }
    made = admin.post("/notifications/routes", asked)
    assert made.status == 201
    assert made.body == {
        **asked,
        "id": made.body["id"],
        "service": "payments",
        "team": None,
        "enabled": True,
        "position": 0,
        "destinations": [{"id": noc.pk, "channel": "slack", "label": "#noc"}],
    }
    path = f"/notifications/routes/{made.body['id']}"
    changed = admin.patch(path, {"enabled": False, "service": None, "window": None})
    assert (changed.status, changed.body["enabled"], changed.body["service"]) == (200, False, None)
    assert viewer.get(path).body == changed.body
    for caller, status in ((operator, 403), (viewer, 403)):
        assert caller.patch(path, {"enabled": True}).status == status
        assert caller.send("DELETE", path).status == status
        assert caller.post("/notifications/routes", asked).status == status
    stranger = key(Role.ADMIN, workspace=make_workspace())
    for answer in (stranger.get(path), stranger.patch(path, {}), stranger.send("DELETE", path)):
        assert answer.status == 404
    assert admin.send("DELETE", path).status == 204
    assert admin.get(path).status == 404


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        ([], "object"),
        ({}, "name"),
        ({"name": "x"}, "channels"),
        ({"name": "x", "channels": ["pigeon"]}, "channels"),
        ({"name": "x", "channels": ["slack"], "service": "nope"}, "service"),
        ({"name": "x", "channels": ["slack"], "team": "nope"}, "team"),
        ({"name": "x", "channels": ["slack"], "window": {"from": "a"}}, "window.from"),
        ({"name": "x", "channels": ["slack"], "severities": ["bad"]}, "severities"),
        ({"name": "x", "channels": ["slack"], "destinations": [10**30]}, "destinations"),
        ({"name": "x", "channels": ["slack"], "position": -1}, "position"),
        ({"name": "x\0", "channels": ["slack"]}, "name"),
    ],
)
def test_what_is_wrong_with_a_route_is_named(key: MakeKey, body: Any, named: str) -> None:
    answer = key(Role.ADMIN).post("/notifications/routes", body)
    assert answer.status in (400, 422) and named in answer.body["detail"]
    assert not Route.objects.exists()


def test_a_dry_run(operator: Caller, defaults: Workspace, payments: Service) -> None:
    make_destination(ChannelKind.SLACK, "#noc", workspace=defaults)
    make_destination(ChannelKind.EMAIL, "noc@example.com", workspace=defaults, broken_at=NOW, broken_reason="bounced")
    body = operator.post("/notifications/routes/dry-run", {"severity": "high", "service": "payments"}).body
    assert (body["service"], body["severity"], body["told"]) == ("payments", "high", ["#noc"])
    taken = [route for route in body["routes"] if route["matched"]]
    assert [route["route"] for route in taken] == ["High incidents"]
    assert [(it["label"], it["problem"]) for it in taken[0]["destinations"]] == [
        ("#noc", ""),
        ("noc@example.com", "it failed for good: bounced"),
    ]
    assert body["routes"][0]["why_not"] == "not for severity high"
    assert operator.post("/notifications/routes/dry-run", {"severity": "urgent"}).status == 422


@pytest.mark.parametrize("way", ["query", "json"])
def test_a_test_goes_the_way_of_every_message(
    operator: Caller, defaults: Workspace, payments: Service, way: str
) -> None:
    if way == "query":
        answer = operator.post("/notifications/test?severity=info&service=payments&message=Test%20alert")
    else:
        answer = operator.post(
            "/notifications/test", {"severity": "info", "service": "payments", "message": "Test alert"}
        )
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("ok", "severity", "service", "message", "warnings")} == {
        "ok": True,
        "severity": "info",
        "service": "payments",
        "message": "Test alert",
        "warnings": [],
    }
    [delivery] = answer.body["deliveries"]
    row = Delivery.objects.get()
    assert (delivery["id"], delivery["channel"], delivery["state"]) == (row.public_id, "log", "delivered")
    assert (row.purpose, row.data["text"], row.data["service"]) == ("test", "Test alert", "payments")


def test_a_test_that_reaches_nobody_says_so(operator: Caller, defaults: Workspace) -> None:
    body = operator.post("/notifications/test?severity=critical&service=payments&message=Test%20alert").body
    assert not body["ok"] and body["deliveries"] == []
    assert "There is no service 'payments'" in body["warnings"][0] and "nobody was told" in body["warnings"][1]


def test_who_may_test(key: MakeKey, defaults: Workspace) -> None:
    assert key(Role.VIEWER).post("/notifications/test").status == 403
    assert Caller().post("/notifications/test").status == 401
    for query in ("?severity=urgent", "?message=" + "x" * 3000, "?message=%00"):
        assert key().post(f"/notifications/test{query}").status == 422
    assert key().post("/notifications/test", b"{").status == 400


@pytest.fixture
def ladder(workspace: Workspace, payments: Service) -> None:
    """Ana at once, Bo after 30 minutes, then the NOC's channel."""
    ana, bo = make_user("ana", workspace), make_user("bo", workspace)
    for user in (ana, bo):
        make_destination(ChannelKind.SMS, f"+1555000{user.pk:04d}", owner=user)
    noc = make_destination(ChannelKind.SLACK, "#noc", workspace=workspace)
    steps = [
        {"name": "L1-OnCall", "targets": [{"kind": "user", "id": ana.pk}]},
        {"name": "L2-SeniorSRE", "delay_minutes": 30, "targets": [{"kind": "user", "id": bo.pk}]},
    ]
    policy = policies.create_policy(
        actor=actor(workspace, Role.ADMIN),
        workspace=workspace,
        name="Payments",
        definition={"steps": steps, "final_wait_minutes": 60, "fallback_destinations": [noc.pk]},
        now=NOW,
    )
    policies.set_service_policy(actor=actor(workspace, Role.ADMIN), service_id=payments.pk, policy_id=policy.pk)


def test_the_escalation_preview(key: MakeKey, ladder: None) -> None:
    viewer = key(Role.VIEWER)
    body = viewer.get("/notifications/escalation?service=payments&minutes_elapsed=45").body
    assert (body["service"], body["policy"], body["minutes_elapsed"]) == ("payments", "Payments", 45)
    assert (body["current_tier"], body["current_level"]) == (2, "L2-SeniorSRE")
    assert [(tier["tier"], tier["name"], tier["after_minutes"], tier["reached"]) for tier in body["tiers"]] == [
        (1, "L1-OnCall", 0, True),
        (2, "L2-SeniorSRE", 30, True),
    ]
    assert [contact["who"] for tier in body["tiers"] for contact in tier["contacts"]] == ["ana", "bo"]
    assert body["next"] == {"tier": None, "name": "exhausted", "in_minutes": 45}
    assert (body["end"]["what"], body["end"]["after_minutes"]) == ("exhausted", 90)
    assert [contact["via"] for contact in body["end"]["fallback"]] == ["#noc"]
    early = viewer.get("/notifications/escalation?service=payments").body
    assert early["current_tier"] == 1 and early["next"] == {"tier": 2, "name": "L2-SeniorSRE", "in_minutes": 30}
    assert viewer.get("/notifications/escalation?service=payments&minutes_elapsed=500").body["next"] is None


def test_a_preview_without_a_policy_says_so(operator: Caller) -> None:
    body = operator.get("/notifications/escalation?service=payments&minutes_elapsed=45").body
    assert (body["policy"], body["current_tier"], body["tiers"], body["next"]) == (None, None, [], None)
    assert body["end"]["what"] == "exhausted" and "no escalation policy" in body["end"]["note"]
    assert body["warnings"]
    for query in (
        "minutes_elapsed=-1",
        "minutes_elapsed=x",
        "minutes_elapsed=99999999",
        "severity=urgent",
        "service=%00",
    ):
        assert operator.get(f"/notifications/escalation?{query}").status == 422


def test_paths(operator: Caller) -> None:
    assert operator.get("/notifications/routes/").status == 200
    assert operator.get("/notifications/nothing").body == {"detail": "Not found"}
    assert operator.get("/notifications/test").status == 405
    assert operator.get("/notifications/routes/99999999999999999999999").status == 404


# --- PagerDuty ------------------------------------------------------------------------------------------------------------


def test_pagerduty_is_the_contracts(operator: Caller, workspace: Workspace) -> None:
    answer = operator.post("/webhook/pagerduty", text("client/pagerduty-request"))
    incident = Incident.objects.get()
    assert (answer.status, answer.body) == (
        200,
        example("client/pagerduty-response", {"local_incident_id": incident.public_id}),
    )
    assert (incident.title, incident.service_name, incident.source.kind) == (
        "Service degraded",
        "api-gateway",
        "pagerduty",
    )


def test_pagerduty_needs_a_key_and_what_it_cannot_read_is_a_400(key: MakeKey, operator: Caller) -> None:
    request = text("client/pagerduty-request")
    assert Caller().post("/webhook/pagerduty", request).status == 401
    assert key(Role.VIEWER).post("/webhook/pagerduty", request).status == 403
    unsupported = operator.post("/webhook/pagerduty", {"event": {"event_type": "incident.exploded"}})
    assert unsupported.status == 400 and "unsupported event" in unsupported.body["detail"]
    assert operator.post("/webhook/pagerduty", {"event": {"event_type": 7}}).status == 422
    assert len(operator.get("/webhook/dead-letter").body["entries"]) == 2
    assert operator.get("/webhook/pagerduty").status == 405


def test_pagerduty_must_sign_where_a_secret_is_set(operator: Caller, workspace: Workspace) -> None:
    make_provider(workspace, ChannelKind.PAGERDUTY, webhook_secret="s3cret")
    request = text("client/pagerduty-request")
    assert operator.post("/webhook/pagerduty", request).status == 403
    assert (
        pagerduty(operator.client, "/webhook/pagerduty", request, secret="other", **operator.headers).status_code == 403
    )
    assert (
        pagerduty(operator.client, "/webhook/pagerduty", request, secret="s3cret", **operator.headers).status_code
        == 200
    )


def test_another_workspaces_destinations_are_never_shown_or_tested(key: MakeKey, defaults: Workspace) -> None:
    elsewhere = make_workspace()
    make_destination(ChannelKind.SLACK, "#theirs", workspace=elsewhere)
    body = key().post("/notifications/routes/dry-run", {"severity": "critical"}).body
    assert "#theirs" not in str(body) and Destination.objects.filter(label="#theirs").exists()
