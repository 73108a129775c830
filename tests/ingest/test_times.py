"""What senders' clocks say: early, late, repeated and out of order, the incident ends up as the sender's truth has it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.choices import EntryKind, Priority, Result, Severity, SignalAction, Status
from incidents.contracts import Arrival, Route
from incidents.core.timeline import Entry
from incidents.ingest.services.ingest import ingest
from incidents.ingest.sources import SOURCES
from incidents.models import Incident, RecentResolve, SeenEvent, TimelineEntry
from incidents.response.api.v1.timeline import event
from incidents.response.console.story import line_of
from incidents.response.services import incidents, timers
from tests.factories import NOW, actor, fire, make_arrival, make_route, minutes
from tests.ingest.test_ingest import CaptureRaw
from tests.sources.payloads import FOLDER

pytestmark = pytest.mark.django_db
TRIGGER, RESOLVE, ACK, UNACK = (
    SignalAction.TRIGGER, SignalAction.RESOLVE, SignalAction.ACKNOWLEDGE, SignalAction.UNACKNOWLEDGE,
)  # fmt: skip
BEGAN = NOW - minutes(120)


@pytest.fixture
def route(workspace: object) -> Route:
    return make_route(workspace)  # type: ignore[arg-type]


def live() -> Sequence[Incident]:
    return list(Incident.objects.live())


def deliver(route: Route, story: Sequence[dict[str, Any]], *, at_once: bool = False) -> list[Result]:
    """Updates as they arrive, a second apart, or all in one batch."""
    arrivals = [
        make_arrival(route, NOW + timedelta(seconds=n), **{"dedup_key": "a", **said}) for n, said in enumerate(story)
    ]
    batches = [arrivals] if at_once else [[arrival] for arrival in arrivals]
    return [outcome.result for batch in batches for outcome in ingest(batch, batch[-1].received_at)]


def captured(route: Route, kind: str, name: str) -> list[Arrival]:
    """The bodies of a captured story, parsed, a second apart."""
    lines = (FOLDER / kind / f"{name}.jsonl").read_bytes().splitlines()
    parsed = [signal for line in lines for signal in SOURCES[kind](line, NOW)]  # type: ignore[index]
    return [
        Arrival(make_arrival(route).id, NOW + timedelta(seconds=n), route, signal) for n, signal in enumerate(parsed)
    ]


# --- a sender's clock ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=30), timedelta(hours=14), timedelta(days=400)])
@pytest.mark.parametrize("truncated", [timedelta(0), timedelta(seconds=1)])
def test_a_trigger_from_the_future_is_ended_by_a_recovery_of_now(
    route: Route, ahead: timedelta, truncated: timedelta
) -> None:
    fire(route, NOW, dedup_key="a", occurred_at=NOW + ahead)
    resolved = fire(route, NOW + timedelta(seconds=1), dedup_key="a", action=RESOLVE, occurred_at=NOW - truncated)
    assert (resolved.result, live()) == (Result.RESOLVED, [])


def test_a_start_in_the_future_is_ended_by_a_recovery_with_the_true_one(route: Route) -> None:
    fire(route, NOW, dedup_key="a", started_at=NOW + minutes(60))
    times = {"started_at": NOW, "occurred_at": NOW + minutes(1)}
    assert fire(route, NOW + minutes(1), dedup_key="a", action=RESOLVE, **times).result == Result.RESOLVED


def test_a_recovery_of_long_before_is_still_about_an_earlier_occurrence(route: Route) -> None:
    fire(route, NOW, dedup_key="a", occurred_at=NOW + minutes(60))
    late = fire(route, NOW + minutes(1), dedup_key="a", action=RESOLVE, occurred_at=NOW - minutes(10))
    assert (late.result, late.reason, len(live())) == (Result.IGNORED, "about an earlier occurrence", 1)


# --- starts and ends -------------------------------------------------------------------------------------------------------
def test_a_start_that_moves_back_does_not_keep_an_incident_open_for_ever(route: Route) -> None:
    outcomes = [
        ingest([arrival], arrival.received_at)[0] for arrival in captured(route, "alertmanager", "start_moves_back")
    ]
    assert [outcome.result for outcome in outcomes] == [Result.OPENED, Result.REPEATED, Result.RESOLVED]


@pytest.mark.parametrize(
    ("end", "result"),
    [
        (minutes(70), Result.RESOLVED),  # after the live start: it is over
        (minutes(10), Result.IGNORED),  # when the first stopped the second had just begun
        (minutes(5), Result.IGNORED),  # long over when the live one began
        (None, Result.IGNORED),
    ],
)
def test_a_resolve_of_an_earlier_start_belongs_to_what_began_before_its_end(
    route: Route, end: timedelta | None, result: Result
) -> None:
    for start in (0, 10):
        fire(route, dedup_key="a", started_at=BEGAN + minutes(start))
    ended = {"started_at": BEGAN, "occurred_at": None if end is None else BEGAN + end}
    assert fire(route, NOW + minutes(1), dedup_key="a", action=RESOLVE, **ended).result == result


def test_an_early_resolve_is_known_by_its_end_when_only_one_side_has_a_start(route: Route) -> None:
    fire(route, dedup_key="a", action=RESOLVE, occurred_at=NOW - minutes(1))
    assert fire(route, NOW, dedup_key="a", started_at=NOW - minutes(5)).result == Result.OPENED_RESOLVED
    fire(route, dedup_key="b", action=RESOLVE, occurred_at=NOW - minutes(9))
    assert fire(route, NOW, dedup_key="b", started_at=NOW - minutes(5)).result == Result.OPENED


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=90), timedelta(days=400)])
@pytest.mark.parametrize("telling", ["occurred_at", "started_at"])
def test_an_early_resolve_from_the_future_ends_nothing_that_begins_after_it_came(
    route: Route, ahead: timedelta, telling: str
) -> None:
    """An "all is well" at start-up in local time without a zone, and the first true alert a minute later."""
    fire(route, NOW, dedup_key="a", action=RESOLVE, occurred_at=NOW + ahead)
    fire(route, NOW, dedup_key="a", action=RESOLVE, started_at=NOW - minutes(60), occurred_at=NOW + ahead)
    now = NOW + minutes(1)
    assert (fire(route, now, dedup_key="a", **{telling: now}).result, len(live())) == (Result.OPENED, 1)


def test_an_early_resolve_from_the_future_ends_what_it_overtook(route: Route) -> None:
    """Whether its sender's clock is ahead in the trigger as well, or the trigger is of before the resolve came."""
    for key, at in (("a", NOW + minutes(59)), ("b", NOW - minutes(1))):
        fire(route, NOW, dedup_key=key, action=RESOLVE, occurred_at=NOW + minutes(60))
        assert fire(route, NOW + minutes(1), dedup_key=key, occurred_at=at).result == Result.OPENED_RESOLVED


def test_flapping_with_one_start_opens_an_incident_each_time(route: Route) -> None:
    """In doubt an incident opens: it costs a page, and a page that nobody gets costs more."""
    story = [{"started_at": BEGAN}, {"started_at": BEGAN, "action": RESOLVE, "occurred_at": BEGAN + minutes(1)}] * 2
    assert deliver(route, story) == [Result.OPENED, Result.RESOLVED, Result.OPENED, Result.RESOLVED]


def test_two_clocks_that_differ_never_swallow_a_trigger(route: Route) -> None:
    """The trigger's clock is five hours behind that of the recoveries: local time without a zone."""
    behind = minutes(300)
    fire(route, NOW, dedup_key="a", occurred_at=NOW - behind)
    fire(route, NOW + minutes(1), dedup_key="a", action=RESOLVE, occurred_at=NOW + minutes(1))
    again = fire(route, NOW + minutes(2), dedup_key="a", occurred_at=NOW + minutes(2) - behind)
    assert (again.result, len(live())) == (Result.OPENED, 1)


def episodes(count: int, *, last_is_over: bool) -> list[dict[str, Any]]:
    """What is true of so many occurrences after one another, as Alertmanager tells it."""
    story = []
    for n in range(count):
        times = {"started_at": BEGAN + minutes(20 * n)}
        story.append(times)
        if n < count - 1 or last_is_over:
            story.append({**times, "action": RESOLVE, "occurred_at": BEGAN + minutes(20 * n + 10)})
    return story


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("last_is_over", [False, True])
def test_any_order_of_two_occurrences_ends_as_it_is(workspace: Any, last_is_over: bool, at_once: bool) -> None:
    route = make_route(workspace)
    for n, order in enumerate(itertools.permutations(episodes(2, last_is_over=last_is_over))):
        deliver(route, [{**said, "dedup_key": str(n)} for said in order], at_once=at_once)
        is_live = Incident.objects.live().filter(dedup_key=str(n)).exists()
        assert is_live != last_is_over, order


# --- one clock that orders everything --------------------------------------------------------------------------------------
def ordered(action: SignalAction, minute: float, event_id: str = "") -> dict[str, Any]:
    """An update of a sender that keeps incidents itself, such as PagerDuty."""
    return {
        "action": action, "occurred_at": BEGAN + minutes(minute), "dedup_strategy": "incident_id",
        "event_id": event_id or f"{action}-{minute}",
    }  # fmt: skip


def test_an_acknowledgement_that_is_given_back_opens_the_incident_again(route: Route) -> None:
    outcomes = [ingest([arrival], arrival.received_at)[0] for arrival in captured(route, "pagerduty", "given_back")]
    assert [outcome.result for outcome in outcomes] == [Result.OPENED, Result.ACKNOWLEDGED, Result.UNACKNOWLEDGED]
    (incident,) = live()
    assert (incident.status, incident.acknowledged_by, incident.occurrences) == (Status.OPEN, "", 2)
    last = TimelineEntry.objects.latest("pk")
    assert (last.kind, last.from_status, last.to_status) == (EntryKind.STATUS_CHANGED, "acknowledged", "open")


def test_an_acknowledgement_given_back_of_what_nobody_knew_opens_it(route: Route) -> None:
    assert fire(route, dedup_key="a", action=UNACK, title="t").result == Result.OPENED
    assert fire(route, dedup_key="a", action=UNACK, title="t").result == Result.REPEATED


def test_an_investigated_incident_is_given_back_too(route: Route) -> None:
    incident_id = fire(route, dedup_key="a").incident_id
    someone = actor(Incident.objects.get().workspace)
    incidents.investigate(actor=someone, incident_id=incident_id, now=NOW)
    assert fire(route, NOW + minutes(1), dedup_key="a", action=UNACK).result == Result.UNACKNOWLEDGED
    assert live()[0].status == Status.OPEN


def test_a_resolve_before_its_trigger_opens_and_ends_it(route: Route) -> None:
    outcomes = [ingest([arrival], arrival.received_at)[0] for arrival in captured(route, "pagerduty", "early_resolve")]
    assert [outcome.result for outcome in outcomes] == [Result.IGNORED, Result.OPENED_RESOLVED]


def test_what_is_delivered_again_changes_nothing(route: Route) -> None:
    story = [ordered(TRIGGER, 0), ordered(ACK, 1), ordered(RESOLVE, 2)]
    deliver(route, story)
    before = Incident.objects.values().get()
    assert deliver(route, story) == [Result.IGNORED] * 3
    assert Incident.objects.values().get() == before


def test_the_same_event_twice_in_one_batch_counts_once(route: Route) -> None:
    assert deliver(route, [ordered(TRIGGER, 0)] * 3, at_once=True) == [Result.OPENED, Result.IGNORED, Result.IGNORED]
    assert live()[0].occurrences == 1


def test_names_of_events_belong_to_their_source(workspace: Any) -> None:
    one, other = make_route(workspace), make_route(workspace)
    other = Route(one.workspace_id, one.source_id, one.source_kind, one.service_id, None, "source:other")
    assert deliver(one, [ordered(TRIGGER, 0)]) == deliver(other, [ordered(TRIGGER, 0)]) == [Result.OPENED]


def test_names_of_events_are_forgotten_after_a_week(route: Route) -> None:
    deliver(route, [ordered(TRIGGER, 0)])
    timers.forget_events(NOW + timedelta(days=6))
    assert SeenEvent.objects.count() == 1
    timers.forget_events(NOW + timedelta(days=8))
    assert SeenEvent.objects.count() == 0


STORIES = [
    [(TRIGGER, 0), (RESOLVE, 10)],
    [(TRIGGER, 0), (ACK, 1), (UNACK, 31)],
    [(TRIGGER, 0), (ACK, 1), (UNACK, 31), (RESOLVE, 40)],
    [(TRIGGER, 0), (RESOLVE, 10), (TRIGGER, 20)],
    [(TRIGGER, 0), (RESOLVE, 10), (TRIGGER, 20), (RESOLVE, 30)],
    [(TRIGGER, 0), (ACK, 1), (RESOLVE, 10), (TRIGGER, 20), (UNACK, 25)],
    [(TRIGGER, 0), (ACK, 1), (UNACK, 2), (ACK, 3), (UNACK, 4)],
]


@dataclass(frozen=True)
class Delivered:
    """A true story, and how it was delivered: what came again, and in which order."""

    story: list[tuple[SignalAction, int]]
    order: list[int]
    at_once: bool


@st.composite
def deliveries(draw: st.DrawFn) -> Delivered:
    story = draw(st.sampled_from(STORIES))
    again = draw(st.lists(st.sampled_from(range(len(story))), max_size=3))
    return Delivered(story, draw(st.permutations([*range(len(story)), *again])), draw(st.booleans()))


@settings(max_examples=120)
@given(delivered=deliveries(), seed=st.integers(0, 10**9))
def test_any_order_and_any_number_of_deliveries_ends_as_it_is(workspace: Any, delivered: Delivered, seed: int) -> None:
    key = f"{seed}-{random.Random(seed).random()}"
    said = [{**ordered(*update, f"{key}-{n}"), "dedup_key": key} for n, update in enumerate(delivered.story)]
    deliver(make_route(workspace), [said[n] for n in delivered.order], at_once=delivered.at_once)
    found = list(Incident.objects.live().filter(dedup_key=key).values_list("status", flat=True))
    assert found == ([] if delivered.story[-1][0] == RESOLVE else [Status.OPEN])
    SeenEvent.objects.all().delete()
    RecentResolve.objects.all().delete()
    Incident.objects.filter(dedup_key=key).update(status=Status.CLOSED)


def test_a_late_acknowledgement_does_not_silence_what_was_given_back(route: Route) -> None:
    assert deliver(route, [ordered(TRIGGER, 0), ordered(UNACK, 31), ordered(ACK, 1)]) == [
        Result.OPENED, Result.REPEATED, Result.IGNORED,
    ]  # fmt: skip
    assert live()[0].status == Status.OPEN


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        ([(TRIGGER, 0), (ACK, 1), (ACK, 3), (UNACK, 4), (UNACK, 2)], Status.OPEN),
        ([(TRIGGER, 0), (ACK, 3), (ACK, 1), (UNACK, 2)], Status.ACKNOWLEDGED),
    ],
)
def test_updates_that_come_together_happened_when_the_latest_did(route: Route, order: list[Any], ends: Status) -> None:
    deliver(route, [ordered(*update) for update in order], at_once=True)
    assert live()[0].status == ends


@pytest.mark.parametrize("size", [1, 40])
def test_events_with_names_cost_one_statement_more(route: Route, size: int) -> None:
    arrivals = [make_arrival(route, dedup_key=str(n), event_id=str(n)) for n in range(size)]
    statements: list[str] = []
    with CaptureRaw(statements), CaptureQueriesContext(connection):
        ingest(arrivals, NOW)
    assert len(statements) == 5, "the writer's own connection spares the first"


# --- a repeat that raises the severity -------------------------------------------------------------------------------------
def test_a_repeat_that_raises_the_severity_brings_its_words(route: Route) -> None:
    for arrival in captured(route, "webhook", "worse_words"):
        ingest([arrival], arrival.received_at)
    incident = Incident.objects.get()
    assert (incident.title, incident.description) == ("Disk 99%", "now worse")
    assert (incident.severity, incident.priority) == (Severity.CRITICAL, 1)
    raised = TimelineEntry.objects.get(kind=EntryKind.SEVERITY_RAISED)
    assert raised.data == {"severity": "critical", "title": "Disk 99%", "former_title": "Disk 91%"}
    assert event(raised)["message"] == "Severity raised to critical: Disk 99%"
    told = line_of(Entry.of(raised))
    assert (told.what, told.quote) == ("Severity raised to critical", "Disk 99%")
    assert told.aside == "it was “Disk 91%” before"


@pytest.mark.parametrize("severity", [Severity.MEDIUM, Severity.LOW])
def test_a_repeat_that_raises_nothing_keeps_the_words(route: Route, severity: Severity) -> None:
    fire(route, dedup_key="a", title="Disk 91%", description="d")
    fire(route, dedup_key="a", title="Disk 20%", description="better", severity=severity)
    incident = Incident.objects.get()
    assert (incident.title, incident.description, incident.severity) == ("Disk 91%", "d", Severity.MEDIUM)


def test_a_priority_that_somebody_set_stays(route: Route) -> None:
    incident_id = fire(route, dedup_key="a").incident_id
    someone = actor(Incident.objects.get().workspace)
    incidents.set_priority(actor=someone, incident_id=incident_id, now=NOW, priority=Priority.P4)
    fire(route, dedup_key="a", severity=Severity.CRITICAL, description="")
    incident = Incident.objects.get()
    assert (incident.severity, incident.priority) == (Severity.CRITICAL, 4)


def test_repeats_that_come_together_are_told_in_the_words_of_the_worst(route: Route) -> None:
    words = [("a little", Severity.LOW), ("very", Severity.CRITICAL), ("less", Severity.HIGH)]
    deliver(route, [{"title": title, "severity": severity} for title, severity in words], at_once=True)
    incident = Incident.objects.get()
    assert (incident.title, incident.severity, incident.priority) == ("very", Severity.CRITICAL, 1)
