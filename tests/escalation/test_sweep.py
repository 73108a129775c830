"""The sweep as a machine: what it costs, who may run it at once, and what a failure leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from incidents.catalogue.services.catalogue import ensure_workspace_defaults
from incidents.core.services import reactions
from incidents.ingest.services.ingest import ingest
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents
from notifications.choices import ChannelKind, DeliveryState, RunState
from notifications.escalation.services import policies, steps
from notifications.models import Delivery, Destination, EscalationRun
from tests.factories import NOW, actor, make_arrival, make_route, make_user, make_workspace, minutes


@pytest.fixture
def paged(workspace: Workspace) -> Workspace:
    """A workspace whose default policy tells two people, one after the other."""
    return set_up(workspace)


def set_up(workspace: Workspace) -> Workspace:
    people = [make_user(name, workspace) for name in ("ana", "bo")]
    for user in people:
        Destination.objects.create(owner=user, kind=ChannelKind.SMS, label=user.username, verified_at=NOW)
    policies.create_policy(
        actor=SYSTEM,
        workspace=workspace,
        name="Policy",
        definition={
            "steps": [
                {"targets": [{"kind": "user", "id": user.pk}], "delay_minutes": 15 * place}
                for place, user in enumerate(people)
            ]
        },
        is_default=True,
        now=NOW,
    )
    return workspace


def fire_many(workspace: Workspace, count: int) -> list[int]:
    route = make_route(workspace)
    outcomes = ingest([make_arrival(route, dedup_key=f"many-{n}") for n in range(count)], NOW)
    return [outcome.incident_id for outcome in outcomes]


def statements(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


@pytest.mark.parametrize("step", ["first", "second"])
def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(paged: Workspace, step: str) -> None:
    def cost(count: int) -> int:
        EscalationRun.objects.all().delete()
        Incident.objects.all().delete()
        fire_many(paged, count)
        if step == "first":
            return statements(lambda: steps.run_due(NOW))
        steps.run_due(NOW)
        return statements(lambda: steps.run_due(NOW + minutes(15)))

    few, many = cost(2), cost(120)

    assert few == many
    assert many <= 40


def test_what_is_not_due_costs_nothing(paged: Workspace) -> None:
    fire_many(paged, 3)
    template = EscalationRun.objects.order_by("pk")[0]
    EscalationRun.objects.bulk_create(
        EscalationRun(
            incident_id=10_000_000 + n,
            workspace=paged,
            version=template.version,
            started_at=NOW,
            next_step_at=NOW + timedelta(days=1) if n % 2 else None,
        )
        for n in range(5000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_escalationrun")
    due = EscalationRun.objects.filter(next_step_at__lte=NOW).order_by("next_step_at").values_list("pk")[:250]

    plan = due.explain(analyze=True)

    assert "notifications_run_due" in plan
    assert "Rows Removed by Filter" not in plan
    assert steps.run_due(NOW) == 3
    assert statements(lambda: steps.run_due(NOW)) == 1, "nothing is due: one look"


def test_a_batch_that_fails_leaves_everything_due(paged: Workspace) -> None:
    fire_many(paged, 5)

    with refusing("notifications_delivery"), pytest.raises(DatabaseError, match="refused"):
        steps.run_due(NOW)

    assert EscalationRun.objects.filter(next_step_at__lte=NOW).count() == 5
    assert not TimelineEntry.objects.filter(data__has_key="said").exists()
    steps.run_due(NOW)
    assert Delivery.objects.count() == 5


def test_going_through_the_same_step_twice_writes_nothing_twice(paged: Workspace) -> None:
    fire_many(paged, 2)
    before = list(EscalationRun.objects.values())
    steps.run_due(NOW)
    for row in before:  # as if a worker had died after the messages were committed elsewhere
        EscalationRun.objects.filter(pk=row.pop("id")).update(**row)
    steps.run_due(NOW)

    assert Delivery.objects.count() == 2


def test_a_run_whose_handler_failed_is_begun_by_its_second_chance(paged: Workspace) -> None:
    with refusing("notifications_escalationrun"):
        fire_many(paged, 1)
    assert Incident.objects.count() == 1, "what failed above undoes no ingest"
    assert not EscalationRun.objects.exists()

    reactions.retry_due(NOW + timedelta(seconds=6))

    assert EscalationRun.objects.get().state == RunState.ACTIVE


@contextmanager
def refusing(table: str) -> Iterator[None]:
    """The database takes no new row of *table*."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$"
        )
        cursor.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION pg_temp.refuse()")
        try:
            yield
        finally:
            cursor.execute(f"DROP TRIGGER refuse ON {table}")
            cursor.execute("DROP FUNCTION pg_temp.refuse()")


@pytest.fixture
def committed(transactional_db: None) -> Workspace:
    """The same, committed, for several connections at once."""
    workspace = make_workspace()
    ensure_workspace_defaults(workspace)
    return set_up(workspace)


def together(*acts: Callable[[], Any]) -> None:
    """Each in a thread with a connection of its own, at once."""
    barrier, failures = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            act()
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_sweeps_at_once_share_the_work_and_do_nothing_twice(committed: Workspace) -> None:
    ids = fire_many(committed, 60)

    def sweep() -> None:
        while steps.run_due(NOW, limit=7):
            pass

    together(sweep, sweep, sweep)
    sweep()

    told = Delivery.objects.values_list("incident_id", flat=True)
    assert sorted(told) == sorted(ids)
    said = TimelineEntry.objects.filter(incident_id__in=ids, data__has_key="said").values_list("incident_id", flat=True)
    assert sorted(said) == sorted(ids)


def test_a_sweep_passes_over_what_somebody_acknowledges_at_that_moment(committed: Workspace) -> None:
    first, second = fire_many(committed, 2)
    with transaction.atomic():
        incidents.acknowledge(actor=actor(committed), incident_id=first, now=NOW)
        together(lambda: steps.run_due(NOW))  # does not wait for the one that is locked
        assert list(Delivery.objects.values_list("incident_id", flat=True)) == [second]

    assert steps.run_due(NOW) == 0
    assert not Delivery.objects.filter(incident_id=first).exists()


def test_acknowledging_and_sweeping_at_once_never_deadlocks_and_pages_nobody_afterwards(committed: Workspace) -> None:
    ids = fire_many(committed, 24)

    def acknowledge() -> None:
        for pk in reversed(ids):
            incidents.acknowledge(actor=actor(committed), incident_id=pk, now=NOW)

    def sweep() -> None:
        for _ in range(12):
            steps.run_due(NOW, limit=3)

    together(acknowledge, sweep, sweep)

    assert not EscalationRun.objects.filter(state=RunState.ACTIVE).exists()
    assert not EscalationRun.objects.filter(next_step_at__isnull=False).exists()
    left = Delivery.objects.exclude(state=DeliveryState.SUPPRESSED)
    assert not left.exists(), "whatever was planned before was called off by the acknowledgement"
