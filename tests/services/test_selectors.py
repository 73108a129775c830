"""Shaped reads."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.kernel.errors import NotFound
from incidents.choices import Severity, Status
from incidents.core import counting, selectors
from incidents.models import Incident
from incidents.response.services import incidents
from tests.factories import NOW, actor, make_incident, make_workspace
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db


def test_an_incident_is_found_by_id_and_by_name(workspace: Workspace) -> None:
    incident = make_incident(workspace)
    who = actor(workspace, Role.VIEWER)
    assert selectors.incident_for(who, incident.public_id) == incident
    assert selectors.incident_for(who, incident.public_id.replace("-", "_")) == incident
    assert selectors.incident_for(who, incident.name) == incident


@pytest.mark.parametrize("reference", ["inc-ffffffff", "INC-20260319-999", "noisy", "inc-", "42", "inc-0000002g"])
def test_what_does_not_exist_is_not_found(workspace: Workspace, reference: str) -> None:
    with pytest.raises(NotFound):
        selectors.incident_for(actor(workspace), reference)


def test_another_workspaces_incident_is_not_found_even_by_name(workspace: Workspace) -> None:
    theirs = make_incident(make_workspace())
    for reference in (theirs.public_id, theirs.name):
        with pytest.raises(NotFound):
            selectors.incident_for(actor(workspace, Role.ADMIN), reference)


def test_figures_tell_what_is_going_on(workspace: Workspace) -> None:
    who = actor(workspace)
    rows = [
        make_incident(workspace, severity=severity) for severity in (Severity.CRITICAL, Severity.CRITICAL, Severity.LOW)
    ]
    ended = make_incident(workspace)
    make_incident(make_workspace())
    incidents.acknowledge(actor=who, incident_id=rows[0].pk, now=NOW)
    incidents.snooze(actor=who, incident_id=rows[1].pk, now=NOW, duration=timedelta(hours=1))
    incidents.resolve(actor=who, incident_id=ended.pk, now=NOW)
    figures = counting.figures(who, NOW)
    assert (figures.live, figures.need_someone, figures.snoozed) == (3, 1, 1)
    assert figures.by_severity[Severity.CRITICAL] == 2
    assert figures.by_status == {Status.OPEN: 2, Status.ACKNOWLEDGED: 1, Status.INVESTIGATING: 0}
    assert [(name, n) for _, name, n in figures.by_service] == [(rows[0].service.name, 3)]


def test_counts_are_exact_while_they_are_cheap(workspace: Workspace) -> None:
    for n in range(3):
        make_incident(workspace)
        assert counting.total(selectors.listing(actor(workspace))) == n + 1


def test_a_large_count_is_kept_for_a_moment(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "EXACT", 1)
    counting.forget()
    for _ in range(2):
        make_incident(workspace)
    queryset = selectors.listing(actor(workspace))
    assert counting.total(queryset) == 2
    make_incident(workspace)
    assert counting.total(queryset) == 2
    later = time.monotonic() + 2.1
    monkeypatch.setattr(counting.time, "monotonic", lambda: later)
    assert counting.total(queryset) == 3
    counting.forget()


def test_a_count_that_is_asked_for_again_is_renewed_beside_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "RENEW", 0.0)
    kept, renewed = counting.Kept(), threading.Event()
    here = threading.current_thread()

    def compute() -> int:
        if threading.current_thread() is not here:
            renewed.set()
        return 5000

    asked = ("key", compute, lambda n: True)
    assert kept.get(*asked) == 5000
    assert not renewed.wait(0.2)  # asked for once: not worth it
    assert kept.get(*asked) == 5000
    assert renewed.wait(PATIENCE)
    kept.forget()


def test_the_dearer_a_count_is_the_longer_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    now, kept, counted = 1000.0, counting.Kept(), itertools.count(1)
    monkeypatch.setattr(counting.time, "monotonic", lambda: now)
    monkeypatch.setattr(counting, "RENEW", 1000.0)

    def count() -> int:
        nonlocal now
        now += 0.5  # seconds that it takes
        return next(counted)

    asked = ("key", count, lambda n: True)
    assert kept.get(*asked) == 1
    now += 4.4
    assert kept.get(*asked) == 1, "not older than ten times what it takes"
    now += 0.2
    assert kept.get(*asked) == 2
    assert kept.get(*asked, max_age=0) == 3, "who wants it new gets it new"


def test_the_planner_hears_of_a_storm_soon(workspace: Workspace) -> None:
    """A tenth of a table that has grown for years is more than any storm."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'incidents_incident'")
        options = dict(option.split("=") for option in cursor.fetchone()[0])
    assert float(options["autovacuum_analyze_scale_factor"]) <= 0.01


def test_notes_and_history_come_in_one_query_each(workspace: Workspace, django_assert_num_queries: Any) -> None:
    who = actor(workspace)
    rows = [make_incident(workspace) for _ in range(3)]
    for incident in rows:
        incidents.add_note(actor=who, incident_id=incident.pk, now=NOW, content=f"note on {incident.name}")
    with django_assert_num_queries(2):
        notes, history = selectors.notes(rows), selectors.status_history(rows)
    assert [note.text for note in notes[rows[1].pk]] == [f"note on {rows[1].name}"]
    assert [entry.to_status for entry in history[rows[2].pk]] == ["open"]


def test_the_timeline_is_oldest_first_and_bounded(workspace: Workspace) -> None:
    incident = make_incident(workspace)
    for n in range(5):
        incidents.add_note(actor=actor(workspace), incident_id=incident.pk, now=NOW, content=str(n))
    assert [entry.text for entry in selectors.timeline(Incident.objects.get(), limit=3)] == ["2", "3", "4"]
