"""The timeline and the decision trace in words."""

from __future__ import annotations

import pytest

from incidents.choices import EntryKind, Result, Status
from incidents.core.timeline import Entry, kinds
from incidents.response.console.story import TELLERS, Step, line_of, steps_of
from tests.factories import NOW


def told(kind, text="", actor_kind="user", to_status="", **data):
    return line_of(
        Entry(
            incident_id=1,
            at=NOW,
            kind=kind,
            actor_kind=actor_kind,
            actor_id="7",
            actor_label="Ana Moreau",
            from_status="open",
            to_status=to_status,
            text=text,
            data=data,
        )
    )


@pytest.mark.parametrize("kind", EntryKind)
def test_every_kind_of_entry_has_its_words(kind):
    assert kind in TELLERS
    assert told(kind, to_status=Status.ACKNOWLEDGED).what


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.word not in set(EntryKind)])
def test_kinds_of_other_apps_are_told_by_what_they_say_or_by_their_label(kind):
    line = told(kind.word, said="Level 2 was called", reason="nobody answered")
    assert (line.what, line.aside, line.tone) == ("Level 2 was called", "nobody answered", kind.tone)
    assert told(kind.word).what == kind.label


def test_a_kind_that_comes_later_is_told_by_its_name():
    line = told("budget_burned", text="fast")
    assert (line.what, line.quote) == ("Budget burned", "fast")


@pytest.mark.parametrize("status", Status)
def test_every_status_change_has_its_words(status):
    line = told(EntryKind.STATUS_CHANGED, to_status=status)
    assert line.who == "Ana Moreau"
    assert line.what != "changed the status"


def test_giving_back_is_no_reopening():
    assert "gave it back" in told(EntryKind.STATUS_CHANGED, to_status=Status.OPEN, action="unacknowledge").what


def test_who_spoke_for_whom_and_what_was_said():
    line = told(EntryKind.STATUS_CHANGED, text="on it", to_status=Status.ACKNOWLEDGED, by="Bo")
    assert (line.who, line.aside, line.quote) == ("Ana Moreau", "for Bo", "on it")


def test_the_machine_has_a_name():
    assert told(EntryKind.UNSNOOZED, actor_kind="system").who == "aiops"


def test_a_coerced_severity_is_shown():
    aside = told(EntryKind.ALERT_RECEIVED, severity="medium", severity_word="page-me", warnings=["cut at 500"]).aside
    assert aside == "severity medium; from the unknown word “page-me”; cut at 500"


def test_snoozes_say_until_when_and_bear_damaged_data():
    assert told(EntryKind.SNOOZED, until="2026-03-19T15:00:00+00:00").until.hour == 15
    assert told(EntryKind.SNOOZED, until="soon").until is None
    assert told(EntryKind.SNOOZED, until=7).until is None


def test_the_trace_in_words():
    trace = [
        {"stage": "received", "outcome": "accepted", "source": "alertmanager", "source_id": 7},
        {"stage": "parsed", "outcome": "trigger", "warnings": ["a", "b"]},
        {"stage": "routed", "outcome": "service", "service_id": 3},
        {"stage": "decided", "outcome": "opened", "incident": "INC-20260319-001", "reason": ""},
    ]
    assert steps_of(trace, {"source_id:7": "EU cluster", "service_id:3": "checkout"}) == [
        Step("Received", "accepted", [("kind", "Alertmanager"), ("source", "EU cluster")]),
        Step("Read", "as trigger", [("warnings", "a; b")]),
        Step("Routed", "to its service", [("service", "checkout")]),
        Step("Decided", Result.OPENED.label, [("incident", "INC-20260319-001")]),
    ]


def test_stages_that_come_later_are_shown_by_their_name():
    assert steps_of([{"stage": "rate_limited", "outcome": "no"}], {}) == [Step("Rate limited", "no", [])]


@pytest.mark.parametrize("damaged", [None, {}, "x", [1, "x", None]])
def test_a_damaged_trace_is_no_error(damaged):
    assert steps_of(damaged, {}) == []
