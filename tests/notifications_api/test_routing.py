"""Which routes an incident takes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db.models import prefetch_related_objects
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from aiops.access.actors import Role
from aiops.access.models import Team, Workspace
from aiops.kernel.errors import DomainError, InvalidInput, NotFound, NotPermitted
from incidents.choices import Severity
from incidents.models import Incident, Service, Source
from notifications.choices import ChannelKind
from notifications.escalation.routing import About, Rule, why_not
from notifications.escalation.services import routes
from notifications.models import Destination, Route
from tests.factories import NOW, actor, fire, make_incident, make_route, make_service, make_user, make_workspace
from tests.responding.making import make_destination

ABOUT = About(severity=Severity.HIGH, service_id=1, team_id=2, labels={"env": "prod-eu", "zone": "a"})
OFFICE = {"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00", "time_zone": "America/New_York"}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, ""),
        ({"severities": (Severity.HIGH, Severity.LOW)}, ""),
        ({"severities": (Severity.CRITICAL,)}, "not for severity high"),
        ({"service_id": 1, "team_id": 2}, ""),
        ({"service_id": 3}, "for another service"),
        ({"team_id": 3}, "for services of another team"),
        ({"labels": {"env": "prod-*", "zone": "?"}}, ""),
        ({"labels": {"env": "prod"}}, "the label env is not prod"),
        ({"labels": {"absent": "*"}}, "the label absent is not *"),
        ({"enabled": False}, "it is switched off"),
    ],
)
def test_rules(rule: dict[str, object], said: str) -> None:
    assert why_not(Rule(name="r", **rule), ABOUT, NOW) == said


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        (datetime(2026, 3, 19, 13, 0, tzinfo=UTC), True),  # Thursday 09:00 in New York, summer time
        (datetime(2026, 3, 19, 12, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 19, 21, 0, tzinfo=UTC), False),  # half-open
        (datetime(2026, 3, 21, 15, 0, tzinfo=UTC), False),  # Saturday
        (datetime(2026, 1, 15, 13, 30, tzinfo=UTC), False),  # 08:30 in winter
    ],
)
def test_a_window_is_on_its_own_clock(at: datetime, inside: bool) -> None:
    rule = Rule.of_json({"name": "office", "window": OFFICE})
    assert why_not(rule, ABOUT, at) == ("" if inside else "only Mon Tue Wed Thu Fri 09:00–17:00 in America/New_York")


@given(st.sampled_from(list(Severity)), st.sets(st.sampled_from(list(Severity))))
def test_a_rule_without_severities_takes_all_and_else_those_it_names(severity: Severity, named: set[Severity]) -> None:
    rule = Rule(name="r", severities=tuple(named))
    taken = not why_not(rule, About(severity=severity, service_id=1), NOW)
    assert taken == (not named or severity in named)


@pytest.fixture
def slack(workspace: Workspace) -> Destination:
    return make_destination(ChannelKind.SLACK, "#noc", workspace=workspace)


@pytest.mark.django_db
def test_matching_leads_each_incident_to_each_destination_once(
    workspace: Workspace, slack: Destination, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    admin = actor(workspace, Role.ADMIN)
    mail = make_destination(ChannelKind.EMAIL, "noc@example.com", workspace=workspace)
    make_destination(ChannelKind.EMAIL, "broken@example.com", workspace=workspace, broken_at=NOW, broken_reason="gone")
    make_destination(ChannelKind.EMAIL, "off@example.com", workspace=workspace, enabled=False)
    make_destination(ChannelKind.EMAIL, "new@example.com", workspace=workspace, verified_at=None)
    make_destination(ChannelKind.EMAIL, "own@example.com", owner=make_user("ana", workspace))
    team = Team.objects.create(workspace=workspace, name="payments-team")
    payments = make_service(workspace, "payments", owner=team)
    routes.create_route(actor=admin, workspace=workspace, name="mail", severities=["high"], channels=["email", "slack"])
    routes.create_route(actor=admin, workspace=workspace, name="noc", destinations=[slack.pk])
    routes.create_route(actor=admin, workspace=workspace, name="team", team=team, channels=["email"])
    elsewhere = make_workspace()
    make_destination(ChannelKind.SLACK, "#other", workspace=elsewhere)
    high = make_incident(workspace, severity=Severity.HIGH)
    low = make_incident(workspace, severity=Severity.LOW)
    theirs = make_incident(workspace, severity=Severity.LOW)
    theirs.service = payments
    foreign = make_incident(elsewhere, severity=Severity.HIGH)
    at_hand = [high, low, theirs, foreign]
    prefetch_related_objects(at_hand, "service", "source")
    with django_assert_num_queries(3):
        found = routes.matching(at_hand, NOW)
    assert {pk: [one.pk for one in told] for pk, told in found.items()} == {
        high.pk: [mail.pk, slack.pk],
        low.pk: [slack.pk],
        theirs.pk: [slack.pk, mail.pk],
    }


@pytest.mark.django_db
def test_what_came_from_pagerduty_is_not_told_there(workspace: Workspace, slack: Destination) -> None:
    make_destination(ChannelKind.PAGERDUTY, "a" * 32, workspace=workspace)
    routes.create_route(
        actor=actor(workspace, Role.ADMIN), workspace=workspace, name="all", channels=["slack", "pagerduty"]
    )
    source = Source.objects.get(workspace=workspace, kind="pagerduty", is_default=True)
    theirs = Incident.objects.get(pk=fire(make_route(workspace, source=source)).incident_id)
    ours = make_incident(workspace)
    found = routes.matching([theirs, ours], NOW)
    assert {pk: [one.kind for one in told] for pk, told in found.items()} == {
        theirs.pk: ["slack"],
        ours.pk: ["slack", "pagerduty"],
    }


@pytest.mark.django_db
def test_a_new_workspace_starts_with_routes_and_a_log(workspace: Workspace) -> None:
    routes.ensure_default_routes(workspace)
    routes.ensure_default_routes(workspace)
    rows = Route.objects.filter(workspace=workspace)
    assert {route.severities[0]: route.channels for route in rows} == {
        "critical": ["slack", "pagerduty", "email"],
        "high": ["slack", "email"],
        "medium": ["slack"],
        "low": ["slack"],
        "info": ["log"],
    }
    info = make_incident(workspace, severity=Severity.INFO)
    assert [one.kind for one in routes.matching([info], NOW)[info.pk]] == ["log"]


@pytest.mark.django_db
def test_a_dry_run_says_why_not_and_where_to(workspace: Workspace, slack: Destination) -> None:
    admin = actor(workspace, Role.ADMIN)
    make_destination(ChannelKind.SLACK, "#old", workspace=workspace, enabled=False)
    routes.create_route(actor=admin, workspace=workspace, name="all", channels=["slack"])
    routes.create_route(actor=admin, workspace=workspace, name="prod", labels={"env": "prod"}, channels=["slack"])
    tried = routes.dry_run(
        actor=actor(workspace, Role.VIEWER), workspace_id=workspace.pk, now=NOW, severity=Severity.LOW
    )
    assert [(one.route.name, one.why_not) for one in tried] == [("all", ""), ("prod", "the label env is not prod")]
    assert [(told.destination.label, told.problem) for told in tried[0].destinations] == [
        ("#noc", ""),
        ("#old", "it is switched off"),
    ]
    stranger = actor(make_workspace())
    with pytest.raises(NotFound):
        routes.dry_run(actor=stranger, workspace_id=workspace.pk, now=NOW, severity=Severity.LOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"severities": ["urgent"]}, "severities[0]"),
        ({"severities": "high"}, "severities"),
        ({"channels": []}, "channels"),
        ({"channels": ["pigeon"]}, "channels[0]"),
        ({"channels": ["slack", 7]}, "channels[1]"),
        ({"labels": {"env": ""}}, "labels.env"),
        ({"labels": {"env": 3}}, "labels.env"),
        ({"labels": []}, "labels"),
        ({"window": {"from": "25:00", "to": "17:00"}}, "window.from"),
        ({"window": {"from": "09:00", "to": "17:00", "time_zone": "responder"}}, "window.time_zone"),
        ({"window": 5}, "window"),
        ({"destinations": [True]}, "destinations[0]"),
        ({"destinations": [1_000_000]}, "destinations[0]"),
        ({"destinations": "1"}, "destinations"),
        ({"enabled": 1}, "enabled"),
        ({"position": -1}, "position"),
    ],
)
def test_what_is_wrong_is_named(workspace: Workspace, rules: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        routes.create_route(
            actor=actor(workspace, Role.ADMIN), workspace=workspace, **{"name": "r", "channels": ["slack"], **rules}
        )
    assert refused.value.field == field
    assert not Route.objects.exists()


@pytest.mark.django_db
def test_what_belongs_to_another_workspace_is_refused(workspace: Workspace) -> None:
    other = make_workspace()
    theirs = make_destination(ChannelKind.SLACK, "#theirs", workspace=other)
    mine = {"actor": actor(workspace, Role.ADMIN), "workspace": workspace, "name": "r"}
    for rules in (
        {"destinations": [theirs.pk]},
        {"channels": ["slack"], "service": make_service(other)},
        {"channels": ["slack"], "team": Team.objects.create(workspace=other, name="t")},
    ):
        with pytest.raises(InvalidInput):
            routes.create_route(**mine, **rules)


@pytest.mark.django_db
def test_admins_change_and_remove_routes_and_nobody_else(workspace: Workspace, slack: Destination) -> None:
    admin = actor(workspace, Role.ADMIN)
    route = routes.create_route(actor=admin, workspace=workspace, name="r", destinations=[slack.pk])
    changed = routes.update_route(actor=admin, route_id=route.pk, enabled=False, severities=["info", "critical"])
    assert (changed.enabled, changed.severities, changed.destinations.count()) == (False, ["critical", "info"], 1)
    routes.create_route(actor=admin, workspace=workspace, name="s", channels=["slack"])
    with pytest.raises(InvalidInput, match="a route of this name"):
        routes.update_route(actor=admin, route_id=route.pk, name="s")
    with pytest.raises(InvalidInput, match="at least one channel"):
        routes.update_route(actor=admin, route_id=route.pk, destinations=[])
    for who, refusal in ((actor(workspace), NotPermitted), (actor(make_workspace(), Role.ADMIN), NotFound)):
        with pytest.raises(refusal):
            routes.update_route(actor=who, route_id=route.pk, enabled=True)
        with pytest.raises(refusal):
            routes.delete_route(actor=who, route_id=route.pk)
    with pytest.raises(DomainError):
        routes.create_route(actor=actor(workspace), workspace=workspace, name="t", channels=["slack"])
    routes.delete_route(actor=admin, route_id=route.pk)
    assert Service.objects.exists() and Route.objects.count() == 1
