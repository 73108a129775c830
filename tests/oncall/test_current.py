"""``GET /oncall/current``: the contract's six keys, names as usernames, nulls where there is nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Team, User, Workspace
from aiops.kernel.clock import utcnow
from incidents.models import Service
from notifications.escalation.services.defaults import ensure_paging
from notifications.models import EscalationPolicy, PolicyVersion, ServicePolicy
from notifications.oncall.services.overrides import create_override
from tests.api.conftest import Caller, MakeKey
from tests.factories import make_service, make_user, make_workspace
from tests.oncall.conftest import MakeSchedule, day_layer

pytestmark = pytest.mark.django_db
KEYS = {"service", "oncall", "team", "escalation_contact", "week_number", "rotation_index"}


@pytest.fixture
def caller(key: MakeKey) -> Caller:
    return key(Role.VIEWER)


@pytest.fixture
def payments(workspace: Workspace) -> Service:
    return make_service(workspace, "payments", owner=Team.objects.create(workspace=workspace, name="payments-team"))


def policy(service: Service, *steps: list[dict[str, Any]], default: bool = False) -> None:
    row = EscalationPolicy.objects.create(
        workspace=service.workspace, name=f"p{service.pk}{default}", is_default=default
    )
    definition = {"steps": [{"name": "", "targets": targets} for targets in steps]}
    row.version = PolicyVersion.objects.create(
        policy=row, number=1, definition=definition, created_at=utcnow(), created_by="x"
    )
    row.save()
    if not default:
        ServicePolicy.objects.create(service=service, policy=row)


def test_the_contracts_example(
    make: MakeSchedule, caller: Caller, payments: Service, workspace: Workspace, bo: User
) -> None:
    dave, eve = make_user("dave", workspace), make_user("eve", workspace)
    started = utcnow() - timedelta(hours=30)
    first = make(layers=[day_layer(bo, dave, starts_at=started)], name="L1")
    second = make(layers=[day_layer(dave, eve, starts_at=started + timedelta(hours=1))], name="L2")
    policy(
        payments,
        [{"kind": "channel", "id": 1}],
        [{"kind": "schedule", "id": first.pk}],
        [{"kind": "user", "id": dave.pk}],
        [{"kind": "schedule", "id": second.pk}],
    )
    answer = caller.get("/oncall/current?service=payments")
    assert answer.status == 200
    assert answer.body == {
        "service": "payments",
        "oncall": "dave",
        "team": "payments-team",
        "escalation_contact": "eve",
        "week_number": utcnow().isocalendar().week,
        "rotation_index": 1,
    }
    create_override(
        actor=SYSTEM,
        schedule_id=first.pk,
        user_id=eve.pk,
        starts_at=utcnow(),
        ends_at=utcnow() + timedelta(hours=1),
        now=utcnow(),
    )
    body = caller.get("/oncall/current/?service=Payments").body
    assert (body["oncall"], body["escalation_contact"], body["rotation_index"]) == ("eve", "dave", 1)


def test_nobody_is_null_and_never_an_error(caller: Caller, payments: Service, service: Service) -> None:
    answer = caller.get("/oncall/current?service=payments")
    assert answer.status == 200 and set(answer.body) == KEYS
    assert answer.body["oncall"] is answer.body["escalation_contact"] is answer.body["rotation_index"] is None
    without = caller.get("/oncall/current")
    assert set(without.body) == KEYS | {"services"}
    assert without.body["service"] == service.name
    assert [one["service"] for one in without.body["services"]] == [service.name, "payments"]
    assert all(set(one) == KEYS for one in without.body["services"])


def test_the_platforms_own_test_is_nobodys_service(caller: Caller, workspace: Workspace) -> None:
    make_service(workspace, is_system=True)
    names = [each["service"] for each in caller.get("/oncall/current").body["services"]]
    assert names == ["Default service"]


def test_without_a_policy_it_is_the_teams_schedule(
    make: MakeSchedule, caller: Caller, payments: Service, ana: User, bo: User
) -> None:
    now = utcnow() - timedelta(hours=1)
    make(layers=[day_layer(ana, starts_at=now)], name="A")
    make(layers=[day_layer(bo, starts_at=now)], name="B", team_id=payments.owner_id)
    assert caller.get("/oncall/current?service=payments").body["oncall"] == "bo"
    assert caller.get("/oncall/current").body["oncall"] is None


def test_the_catch_all_of_admins_comes_after_the_teams_schedule(
    make: MakeSchedule, caller: Caller, payments: Service, ana: User, admin: User
) -> None:
    """A workspace starts with a policy that tells its admins: whoever is on call for the team is still named first."""
    ensure_paging(payments.workspace, utcnow())
    assert caller.get("/oncall/current?service=payments").body["oncall"] == "admin"
    make(layers=[day_layer(ana, starts_at=utcnow() - timedelta(hours=1))], team_id=payments.owner_id)
    body = caller.get("/oncall/current?service=payments").body
    assert (body["oncall"], body["escalation_contact"]) == ("ana", "admin")


def test_refusals_are_the_client_dialects(caller: Caller, payments: Service) -> None:
    assert caller.get("/oncall/current?service=nope").status == 404
    assert caller.get("/oncall/current?service=nope").body == {"detail": "Service not found"}
    assert caller.get("/oncall/nothing").body == {"detail": "Not found"}
    assert Caller(**{"X-API-Key": "wrong"}).get("/oncall/current").status == 401
    make_service(make_workspace(), "theirs")
    assert caller.get("/oncall/current?service=theirs").status == 404
    assert caller.get("/oncall/current?service=%00").status == 422


def test_many_services_cost_what_one_costs(
    caller: Caller,
    make: MakeSchedule,
    workspace: Workspace,
    payments: Service,
    ana: User,
    django_assert_max_num_queries: Any,
) -> None:
    schedule = make(ana)
    for n in range(20):
        policy(make_service(workspace, f"s{n}"), [{"kind": "schedule", "id": schedule.pk}])
    with django_assert_max_num_queries(16):
        assert len(caller.get("/oncall/current").body["services"]) == 22
