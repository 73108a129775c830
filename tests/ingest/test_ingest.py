"""Signals into incidents, through the database."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.choices import EntryKind, Result, Severity, SignalAction, Status
from incidents.contracts import Route
from incidents.ingest.services.ingest import ingest, statements
from incidents.models import Alert, Incident, TimelineEntry
from tests.factories import NOW, fire, make_arrival, make_route, minutes

pytestmark = pytest.mark.django_db
RESOLVE, ACK = SignalAction.RESOLVE, SignalAction.ACKNOWLEDGE


@pytest.fixture
def route(workspace: object) -> Route:
    return make_route(workspace)  # type: ignore[arg-type]


def the_incident() -> Incident:
    return Incident.objects.get()


def test_a_trigger_opens_an_incident_with_everything_the_signal_said(route: Route) -> None:
    outcome = fire(
        route, dedup_key="cpu", title="High CPU", severity=Severity.CRITICAL, namespace="production", pod="pay-1",
        deployment="pay", resource_kind="Deployment", resource_name="pay", signal_type="cpu_high", labels={"zone": "eu-1"},
        service="payments-api", source="prometheus",
    )  # fmt: skip
    incident = the_incident()
    assert (outcome.result, outcome.incident_id, outcome.incident_name) == (Result.OPENED, incident.pk, incident.name)
    assert incident.name == "INC-20260319-001"
    assert (incident.status, incident.severity, incident.priority) == (Status.OPEN, 5, 1)
    assert (incident.namespace, incident.pod, incident.deployment) == ("production", "pay-1", "pay")
    assert (incident.resource_kind, incident.resource_name, incident.signal_type) == ("Deployment", "pay", "cpu_high")
    assert (incident.labels, incident.service_name, incident.source_name) == (
        {"zone": "eu-1"},
        "payments-api",
        "prometheus",
    )
    assert incident.created_at == incident.last_seen_at == NOW


def test_opening_writes_what_came_and_what_followed(route: Route) -> None:
    fire(route, title="High CPU", severity=Severity.CRITICAL)
    entries = list(TimelineEntry.objects.values_list("kind", "actor_label", "to_status", "data"))
    assert entries == [
        (EntryKind.ALERT_RECEIVED, "webhook:prometheus", "", {"source": "prometheus", "severity": "critical"}),
        (EntryKind.INCIDENT_CREATED, "system", "open", {"title": "High CPU"}),
    ]


def test_a_repeat_counts_and_writes_no_timeline_entry(route: Route) -> None:
    fire(route, dedup_key="cpu")
    before = TimelineEntry.objects.count()
    outcome = fire(route, NOW + minutes(3), dedup_key="cpu")
    incident = the_incident()
    assert (outcome.result, outcome.deduplicated) == (Result.REPEATED, True)
    assert (incident.occurrences, incident.last_seen_at, incident.created_at) == (2, NOW + minutes(3), NOW)
    assert TimelineEntry.objects.count() == before
    assert Alert.objects.filter(incident=incident).count() == 2


def test_severity_only_ever_rises_and_says_so(route: Route) -> None:
    for severity in (Severity.MEDIUM, Severity.CRITICAL, Severity.LOW, Severity.CRITICAL):
        fire(route, dedup_key="cpu", severity=severity)
    assert the_incident().severity == Severity.CRITICAL
    raised = TimelineEntry.objects.filter(kind=EntryKind.SEVERITY_RAISED)
    assert [entry.data for entry in raised] == [{"severity": "critical"}]


def test_a_resolve_ends_it_and_the_next_trigger_opens_a_new_one(route: Route) -> None:
    first = fire(route, dedup_key="cpu")
    resolved = fire(route, NOW + minutes(1), dedup_key="cpu", action=RESOLVE)
    second = fire(route, NOW + minutes(2), dedup_key="cpu")
    assert (resolved.result, resolved.incident_id) == (Result.RESOLVED, first.incident_id)
    assert second.result == Result.OPENED
    assert second.incident_id != first.incident_id
    ended = Incident.objects.get(pk=first.incident_id)
    assert (ended.status, ended.resolved_at, ended.resolved_by) == ("resolved", NOW + minutes(1), "webhook:prometheus")
    assert not ended.resolved_by_hand


def test_an_acknowledge_takes_it_and_a_second_one_changes_nothing(route: Route) -> None:
    fire(route, dedup_key="cpu")
    first = fire(route, NOW + minutes(1), dedup_key="cpu", action=ACK)
    second = fire(route, NOW + minutes(2), dedup_key="cpu", action=ACK)
    assert first.result == Result.ACKNOWLEDGED
    assert (second.result, second.reason) == (Result.IGNORED, "already acknowledged")
    assert the_incident().acknowledged_at == NOW + minutes(1)
    changes = TimelineEntry.objects.filter(kind=EntryKind.STATUS_CHANGED).values_list("from_status", "to_status")
    assert list(changes) == [("open", "acknowledged")]


@pytest.mark.parametrize("action", [ACK, RESOLVE])
def test_what_concerns_nothing_is_accepted_and_recorded_as_ignored(route: Route, action: SignalAction) -> None:
    outcome = fire(route, dedup_key="ghost", action=action)
    assert (outcome.result, outcome.incident_id) == (Result.IGNORED, None)
    alert = Alert.objects.get()
    assert alert.result == Result.IGNORED
    assert alert.trace[-1] == {"stage": "decided", "outcome": "ignored", "reason": "nothing live has this key"}


def test_every_signal_leaves_a_trace_from_door_to_decision(route: Route) -> None:
    fire(route, dedup_key="cpu", warnings=("severity “page” coerced to medium",))
    stages = {stage["stage"]: stage for stage in Alert.objects.get().trace}
    assert list(stages) == ["received", "parsed", "routed", "dedup", "decided"]
    assert stages["parsed"]["warnings"] == ["severity “page” coerced to medium"]
    assert stages["dedup"]["strategy"] == "dedup_key"
    assert stages["decided"] == {"stage": "decided", "outcome": "opened", "incident": "INC-20260319-001"}


def test_one_batch_may_hold_a_whole_story_in_order(route: Route) -> None:
    story = [
        make_arrival(route, dedup_key="a", action=action) for action in ("trigger", "acknowledge", "resolve", "trigger")
    ]
    outcomes = ingest(story, NOW)
    assert [o.result for o in outcomes] == [Result.OPENED, Result.ACKNOWLEDGED, Result.RESOLVED, Result.OPENED]
    assert Incident.objects.live().count() == 1


def test_a_retry_of_what_was_stored_changes_nothing_and_answers_as_before(route: Route) -> None:
    arrivals = [make_arrival(route, dedup_key="a"), make_arrival(route, dedup_key="b")]
    first = ingest(arrivals[:1], NOW)
    again = ingest(arrivals, NOW, seen_before=True)
    assert [o.result for o in again] == [Result.OPENED, Result.OPENED]
    assert again[0].incident_id == first[0].incident_id
    assert Alert.objects.count() == 2
    assert Incident.objects.get(dedup_key="a").occurrences == 1


def test_new_incidents_take_numbers_without_burning_them_on_repeats(route: Route) -> None:
    fire(route, dedup_key="a")
    ingest([make_arrival(route, dedup_key=key) for key in ("a", "b", "a", "c")], NOW)
    numbers = sorted(int(name[-3:]) for name in Incident.objects.values_list("name", flat=True))
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_numbers_go_on_past_three_digits(route: Route) -> None:
    ingest([make_arrival(route, dedup_key=str(n)) for n in range(1001)], NOW)
    assert Incident.objects.filter(name="INC-20260319-1001").exists()


@pytest.mark.parametrize("size", [1, 40])
def test_the_number_of_statements_does_not_grow_with_the_batch(route: Route, size: int) -> None:
    """One to plan by index, one for incidents, one for alerts and timeline, one for escalation runs; begin and commit are the
    savepoint's here."""
    arrivals = [make_arrival(route, dedup_key=str(n)) for n in range(size)]
    statements: list[str] = []
    with CaptureRaw(statements), CaptureQueriesContext(connection) as django:
        ingest(arrivals, NOW)
    assert len(statements) == 4
    assert len(django) == 3, "names, and the savepoint"


class CaptureRaw:
    """Counts what goes through the raw, server-bound cursor of ingest, which Django does not log."""

    def __init__(self, statements: list[str]) -> None:
        self.statements = statements

    def __enter__(self) -> None:
        import psycopg

        self.original = psycopg.Cursor.execute

        def execute(cursor: object, query: object, *args: object, **kwargs: object) -> object:
            if type(cursor) is psycopg.Cursor:
                self.statements.append(str(query))
            return self.original(cursor, query, *args, **kwargs)  # type: ignore[arg-type]

        psycopg.Cursor.execute = execute  # type: ignore[method-assign, assignment]

    def __exit__(self, *exc: object) -> None:
        import psycopg

        psycopg.Cursor.execute = self.original  # type: ignore[method-assign]


# --- resolves and the sender's own times -------------------------------------------------------------------------------------
def test_a_resolve_that_overtook_its_trigger_counts_when_the_starts_are_equal(route: Route) -> None:
    fire(route, dedup_key="a", action=RESOLVE, started_at=NOW)
    outcome = fire(route, NOW + minutes(2), dedup_key="a", started_at=NOW)
    assert outcome.result == Result.OPENED_RESOLVED
    assert the_incident().status == Status.RESOLVED
    history = TimelineEntry.objects.exclude(to_status="").values_list("from_status", "to_status")
    assert list(history) == [("", "open"), ("open", "resolved")]


@pytest.mark.parametrize(
    ("resolve", "trigger", "why"),
    [
        ({}, {}, "no times at all"),
        ({"started_at": NOW}, {"started_at": NOW + minutes(1)}, "another start"),
        ({"started_at": NOW}, {}, "only one side has times"),
        ({"occurred_at": NOW}, {"occurred_at": NOW + minutes(1)}, "the resolve is older than the trigger"),
    ],
)
def test_in_doubt_an_overtaking_resolve_is_not_honoured(route: Route, resolve: dict, trigger: dict, why: str) -> None:
    fire(route, dedup_key="a", action=RESOLVE, **resolve)
    assert fire(route, NOW + minutes(1), dedup_key="a", **trigger).result == Result.OPENED, why


def test_an_overtaking_resolve_with_event_times_counts_when_it_is_not_older(route: Route) -> None:
    fire(route, dedup_key="a", action=RESOLVE, occurred_at=NOW + minutes(1))
    assert fire(route, NOW + minutes(2), dedup_key="a", occurred_at=NOW).result == Result.OPENED_RESOLVED


def test_an_overtaking_resolve_is_forgotten_after_five_minutes(route: Route) -> None:
    fire(route, dedup_key="a", action=RESOLVE, started_at=NOW)
    assert fire(route, NOW + minutes(5.1), dedup_key="a", started_at=NOW).result == Result.OPENED


def test_an_overtaking_resolve_ends_one_incident_only(route: Route) -> None:
    fire(route, dedup_key="a", action=RESOLVE, started_at=NOW)
    assert fire(route, NOW + minutes(1), dedup_key="a", started_at=NOW).result == Result.OPENED_RESOLVED
    assert fire(route, NOW + minutes(2), dedup_key="a", started_at=NOW).result == Result.OPENED


@pytest.mark.parametrize("times", [{}, {"started_at": NOW}], ids=["no times", "with startsAt"])
def test_fire_resolve_three_resent_resolves_fire_again_makes_two_incidents(route: Route, times: dict) -> None:
    fire(route, dedup_key="a", **times)
    for second in (10, 20, 30, 40):
        fire(route, NOW + minutes(second / 60), dedup_key="a", action=RESOLVE, **times)
    again = {"started_at": NOW + minutes(2)} if times else {}
    assert fire(route, NOW + minutes(2), dedup_key="a", **again).result == Result.OPENED
    assert list(Incident.objects.order_by("pk").values_list("status", flat=True)) == ["resolved", "open"]


def test_a_resent_resolve_of_the_old_occurrence_leaves_the_new_one_alone(route: Route) -> None:
    """Prometheus repeats each resolve for 15 minutes; the alert may fire anew meanwhile."""
    fire(route, dedup_key="a", started_at=NOW)
    fire(route, NOW + minutes(1), dedup_key="a", action=RESOLVE, started_at=NOW)
    new = fire(route, NOW + minutes(2), dedup_key="a", started_at=NOW + minutes(2))
    late = fire(route, NOW + minutes(3), dedup_key="a", action=RESOLVE, started_at=NOW)
    assert (late.result, late.reason) == (Result.IGNORED, "about an earlier occurrence")
    assert Incident.objects.get(pk=new.incident_id).status == Status.OPEN


def test_a_resolve_with_another_later_start_falls_back_to_the_live_one(route: Route) -> None:
    """Alertmanager 0.25 replaces instead of merging when an alert is resolved with another startsAt."""
    fire(route, dedup_key="a", started_at=NOW)
    assert (
        fire(route, NOW + minutes(1), dedup_key="a", action=RESOLVE, started_at=NOW + minutes(1)).result
        == Result.RESOLVED
    )


# --- plans ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("statement", ["TRIGGER", "MOVE"])
def test_look_ups_stay_probes_whatever_the_planner_believes_of_a_small_table(route: Route, statement: str) -> None:
    """A plan that was kept from an empty table must not scan the full one: every access is by an index condition."""
    import psycopg

    with psycopg.Cursor(connection.connection) as cursor:
        # Made anew, it would be preferred: of an empty table every index costs the same.
        cursor.execute("SELECT pg_get_indexdef('incidents_live_severity'::regclass)")
        other = str(cursor.fetchone()[0])
        cursor.execute("DROP INDEX incidents_live_severity")
        cursor.execute(other)
        cursor.execute(statements.BY_INDEX, ["true"])
        cursor.execute(f"EXPLAIN {getattr(statements, statement)}", ["[]"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    scans = re.findall(r"(\w[\w ]*) Scan(?: using \w+)? on (incidents_\w+)[^\n]*\n([^\n]*)", plan)
    assert scans, plan
    for kind, table, condition in scans:
        assert (kind in ("Index", "Index Only"), "Index Cond" in condition) == (True, True), (
            f"{kind} scan on {table}:\n{plan}"
        )
