"""What a row says will happen next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.choices import RESPONSE, Priority, Status
from incidents.response.next_step import NextStep, Situation, next_step
from tests.factories import NOW, minutes

DAY = timedelta(days=1)


def says(now=NOW, close_after=DAY, **situation) -> NextStep:
    defaults = {"status": Status.OPEN, "priority": Priority.P2, "created_at": NOW - minutes(10)}
    return next_step(Situation(**{**defaults, **situation}), now, close_after)


def test_an_open_one_is_due_by_its_priority():
    assert says() == NextStep("due", NOW + minutes(50), "until", "due")
    assert says(priority=Priority.P4).at == NOW - minutes(10) + timedelta(hours=24)


def test_p1_is_to_be_answered_at_once_and_so_is_what_came_back():
    assert says(priority=Priority.P1).tone == "now"
    assert says(priority=Priority.P4, episode=1).tone == "now"


def test_past_its_time_it_is_late():
    assert says(created_at=NOW - minutes(60)).tone == "late"
    assert says(created_at=NOW - minutes(59)).tone == "due"


def test_suppression_speaks_before_snooze_and_snooze_before_the_deadline():
    rule = {"kind": "rule", "id": 1, "name": "staging at night", "reason": "quiet hours"}
    until = NOW + minutes(30)
    assert says(suppressed_by=rule, snoozed_until=until).text == "silent: staging at night"
    assert says(snoozed_until=until) == NextStep("wakes", until, "clock")
    assert says(snoozed_until=NOW).text == "due"


def test_a_rule_without_a_name_says_what_it_has():
    assert says(suppressed_by={"kind": "window"}).text == "silent: window"
    assert says(suppressed_by={}).text == "silent: a rule"


def test_taken_ones_say_since_when():
    at = NOW - minutes(5)
    for status in (Status.ACKNOWLEDGED, Status.INVESTIGATING):
        assert says(status=status, acknowledged_at=at) == NextStep("taken", at, "past")
    assert says(status=Status.INVESTIGATING).text == "being looked at"


def test_ended_ones_say_when_they_are_closed():
    at = NOW - minutes(5)
    resolved = {"status": Status.RESOLVED, "resolved_at": at}
    assert says(**resolved) == NextStep("closes", at + DAY, "clock")
    assert says(**resolved, close_after=timedelta(0)) == NextStep("resolved", at, "past")
    assert says(status=Status.CLOSED, closed_at=at) == NextStep("closed", at, "past")


@pytest.mark.parametrize("priority", Priority)
def test_every_priority_has_a_response_time(priority):
    assert priority in RESPONSE
