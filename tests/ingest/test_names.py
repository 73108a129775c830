"""Numbers of incidents: small, in order, in any number of processes; blocks only under load."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from aiops.access.models import Workspace
from incidents.choices import Result, SignalAction
from incidents.contracts import Route
from incidents.core.services import names
from incidents.ingest.services.ingest import ingest
from incidents.models import Incident
from tests.factories import NOW, fire, make_arrival, make_route, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def route(workspace: Workspace) -> Iterator[Route]:
    names._reserved.blocks.clear()
    yield make_route(workspace)
    names._reserved.blocks.clear()


def elsewhere(do: Callable[[], Any]) -> Any:
    """What *do* returns in a thread of its own, which has kept nothing: as in another process, or after a restart."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(do())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def numbers() -> list[int]:
    """In the order in which the incidents were opened."""
    return [int(name.rpartition("-")[2]) for name in Incident.objects.order_by("pk").values_list("name", flat=True)]


def test_single_incidents_count_one_two_three_across_processes_and_restarts(route: Route) -> None:
    for n in range(12):
        fire(route, dedup_key=str(n)) if n % 3 == 0 else elsewhere(lambda n=n: fire(route, dedup_key=str(n)))  # type: ignore[misc]
    assert numbers() == list(range(1, 13))


def test_repeats_and_resolves_use_no_number_up(route: Route) -> None:
    fire(route, dedup_key="a")
    for _ in range(20):
        fire(route, dedup_key="a")
        elsewhere(lambda: fire(route, dedup_key="a"))
    fire(route, dedup_key="b")
    fire(route, dedup_key="b", action=SignalAction.RESOLVE)
    fire(route, dedup_key="b")
    assert numbers() == [1, 2, 3]


def test_a_batch_takes_as_many_as_it_opens(route: Route) -> None:
    fire(route, dedup_key="a")
    ingest([make_arrival(route, dedup_key=key) for key in ("a", "b", "a", "c")], NOW)
    fire(route, dedup_key="d")
    assert numbers() == [1, 2, 3, 4]


def test_under_load_a_thread_takes_a_block_and_gives_back_what_is_left(route: Route) -> None:
    for n in range(names.LOAD + 5):
        fire(route, dedup_key=str(n))
    assert numbers() == list(range(1, names.LOAD + 6))
    names.release()
    elsewhere(lambda: fire(route, dedup_key="later"))
    assert numbers()[-1] == names.LOAD + 6


def test_a_block_that_others_went_past_is_a_gap_and_nothing_is_given_twice(route: Route) -> None:
    for n in range(names.LOAD + 5):
        fire(route, dedup_key=str(n))
    elsewhere(lambda: fire(route, dedup_key="other"))
    names.release()
    fire(route, dedup_key="last")
    assert len(set(numbers())) == names.LOAD + 7
    assert max(numbers()) <= names.LOAD + 7 + names.BLOCK


def test_an_incident_that_ends_after_its_numbers_were_counted_is_named_all_the_same(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers were reserved for none, since the problem had a live incident; then somebody else ended it."""
    fire(route, dedup_key="a")
    take = names.take

    def then_it_ends(*args: Any) -> names.Run:
        run = take(*args)
        Incident.objects.update(status="resolved", resolved_at=NOW)
        return run

    monkeypatch.setattr(names, "take", then_it_ends)
    assert fire(route, dedup_key="a").result == Result.OPENED
    assert numbers() == [1, 2]


def test_a_story_in_one_batch_names_each_of_its_incidents(route: Route) -> None:
    fire(route, dedup_key="a")
    story = [make_arrival(route, dedup_key="a", action=action) for action in ("trigger", "resolve", "trigger")]
    assert [outcome.result for outcome in ingest(story, NOW)] == [Result.REPEATED, Result.RESOLVED, Result.OPENED]
    assert numbers() == [1, 2]


def test_threads_at_once_never_share_a_number(route: Route) -> None:
    def open_some(first: int) -> None:
        for n in range(40):
            fire(route, dedup_key=f"{first}-{n}")

    def run(first: int) -> None:
        try:
            open_some(first)
        finally:
            names.release()
            connection.close()

    threads = [threading.Thread(target=run, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers())) == 120
