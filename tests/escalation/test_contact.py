"""By what, and when, a person is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from notifications.choices import ChannelKind, Urgency
from notifications.delivery.contact import ABOUT_YOU, OwnDestination, Person, Quiet, Rule, plan, quiet_until
from notifications.oncall.windows import Window
from tests.factories import NOW, minutes

PHONE, MAIL, PUSH = (
    OwnDestination(1, ChannelKind.SMS, "+49 1"),
    OwnDestination(2, ChannelKind.EMAIL, "ana@x"),
    OwnDestination(3, ChannelKind.WEBPUSH, "laptop"),
)
ANA = Person(id=7, name="Ana", time_zone="Europe/Berlin", own=(PHONE, MAIL, PUSH))


def rule(minutes_: int, own: OwnDestination, urgency: Urgency = Urgency.HIGH) -> Rule:
    return Rule(urgency, timedelta(minutes=minutes_), own.id or 0)


def told(person: Person, urgency: Urgency = Urgency.HIGH, now: datetime = NOW) -> list[tuple[float, str, bool]]:
    """(minutes from now, where, whether it is the first) of each call."""
    return [((c.at - now).total_seconds() / 60, c.own.label, c.first) for c in plan(person, urgency, now).calls]


def broken(own: OwnDestination) -> OwnDestination:
    return replace(own, problem="it is not verified")


def test_without_rules_everything_rings_at_once() -> None:
    assert told(ANA) == [(0, "+49 1", True), (0, "ana@x", True), (0, "laptop", True)]


def test_rules_in_their_order_and_only_those_of_the_urgency() -> None:
    rules = (rule(10, PHONE), rule(0, PUSH), rule(2, MAIL, Urgency.LOW))

    assert told(replace(ANA, rules=rules)) == [(0, "laptop", True), (10, "+49 1", False)]
    assert told(replace(ANA, rules=rules), Urgency.LOW) == [(2, "ana@x", True)]


def test_what_cannot_be_used_is_passed_over_and_the_rest_moves_up() -> None:
    person = replace(ANA, own=(broken(PHONE), MAIL, PUSH), rules=(rule(0, PHONE), rule(5, PUSH), rule(15, MAIL)))

    assert told(person) == [(0, "laptop", True), (10, "ana@x", False)]
    assert plan(person, Urgency.HIGH, NOW).warnings == ("+49 1: it is not verified",)


def test_when_no_rule_can_be_followed_whatever_else_works_is_used() -> None:
    person = replace(ANA, own=(broken(PHONE), MAIL), rules=(rule(0, PHONE),))

    assert told(person) == [(0, "ana@x", True)]


def test_the_accounts_address_is_the_last_resort() -> None:
    person = replace(ANA, own=(broken(PHONE),), email="ana@example.com")

    call = plan(person, Urgency.HIGH, NOW).calls[0]
    assert (call.own.id, call.own.kind, call.own.label) == (None, ChannelKind.EMAIL, "ana@example.com")


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (replace(ANA, active=False), "the account is switched off"),
        (replace(ANA, own=()), "has no destination and no e-mail address"),
        (replace(ANA, own=(broken(PHONE),)), "none of their destinations can be used"),
        (
            replace(ANA, own=(), email="ana@example.com", mail_server=False),
            "has ana@example.com, but no mail server is set up",
        ),
        (
            replace(ANA, own=(broken(PHONE),), email="ana@example.com", mail_server=False),
            "has ana@example.com, but no mail server is set up; none of their destinations can be used",
        ),
    ],
)
def test_nobody_is_told_without_a_reason(person: Person, reason: str) -> None:
    assert plan(person, Urgency.HIGH, NOW).calls == ()
    assert plan(person, Urgency.HIGH, NOW).reason == reason


def test_to_oneself_it_says_you() -> None:
    def said(person: Person) -> str:
        return plan(person, Urgency.HIGH, NOW, voice=ABOUT_YOU).reason

    assert said(replace(ANA, own=())) == "you have no destination and no e-mail address"
    assert said(replace(ANA, own=(broken(PHONE),))) == "none of your destinations can be used"
    mail = replace(ANA, own=(), email="ana@example.com", mail_server=False)
    assert said(mail) == "you have ana@example.com, but no mail server is set up"
    assert plan(replace(ANA, own=(MAIL,)), Urgency.HIGH, NOW, voice=ABOUT_YOU).warnings == (
        "nothing that could wake you: no verified phone and no web push",
    )


def test_a_person_whom_nothing_could_wake_is_warned_of() -> None:
    only_mail = replace(ANA, own=(MAIL,))

    assert plan(only_mail, Urgency.HIGH, NOW).warnings == (
        "nothing that could wake them: no verified phone and no web push",
    )
    assert plan(only_mail, Urgency.LOW, NOW).warnings == ()
    assert plan(ANA, Urgency.HIGH, NOW).warnings == ()


def test_hours_of_a_step_are_on_the_responders_own_clock() -> None:
    office = Window((0, 1, 2, 3, 4), time(9), time(16), "responder")  # it is Thursday, 14:30 in UTC, 15:30 in Berlin

    assert plan(ANA, Urgency.HIGH, NOW, office).calls
    away = plan(replace(ANA, time_zone="Asia/Kathmandu"), Urgency.HIGH, NOW, office)
    assert away.calls == ()
    assert away.reason == "outside Mon Tue Wed Thu Fri 09:00–16:00 on their clock (Asia/Kathmandu)"


NIGHT = Quiet(time(22), time(7))


@pytest.mark.parametrize(
    ("quiet", "zone", "at", "until"),
    [
        (None, "UTC", "2026-03-19T23:00", None),
        (NIGHT, "UTC", "2026-03-19T21:59", None),
        (NIGHT, "UTC", "2026-03-19T22:00", "2026-03-20T07:00"),
        (NIGHT, "UTC", "2026-03-20T06:59", "2026-03-20T07:00"),
        (NIGHT, "UTC", "2026-03-20T07:00", None),
        (NIGHT, "Europe/Berlin", "2026-03-19T21:30", "2026-03-20T06:00"),
        (NIGHT, "Asia/Kathmandu", "2026-03-19T16:15", "2026-03-20T01:15"),
        (Quiet(time(13), time(14)), "UTC", "2026-03-19T13:30", "2026-03-19T14:00"),
        (Quiet(time(22), time(7), (4,)), "UTC", "2026-03-20T03:00", None),  # Thursday's night
        (Quiet(time(22), time(7), (4,)), "UTC", "2026-03-21T03:00", "2026-03-21T07:00"),
        # The night in which clocks go forward has an hour less, the one in which they go back an hour more.
        (NIGHT, "Europe/Berlin", "2026-03-28T21:30", "2026-03-29T05:00"),
        (NIGHT, "Europe/Berlin", "2026-10-24T20:30", "2026-10-25T06:00"),
        (Quiet(time(22), time(2, 30)), "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T01:00"),  # 02:30 is skipped
        # Two that meet are one.
        (Quiet(time(0), time(0), (5, 6)), "UTC", "2026-03-21T12:00", "2026-03-23T00:00"),
    ],
)
def test_quiet_hours(quiet: Quiet | None, zone: str, at: str, until: str | None) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None

    assert quiet_until(quiet, zone, now) == expected


def test_quiet_hours_without_an_end_let_messages_through_after_a_week() -> None:
    always = Quiet(time(0), time(0))

    assert quiet_until(always, "UTC", NOW) == datetime(2026, 3, 26, tzinfo=UTC)


def test_low_urgency_waits_in_quiet_hours_and_high_does_not() -> None:
    person = replace(ANA, quiet=Quiet(time(15), time(16)))  # it is 15:30 in Berlin

    assert {at for at, *_ in told(person, Urgency.LOW)} == {30}
    assert plan(person, Urgency.LOW, NOW).calls[0].note == "waits for the end of the quiet hours"
    assert {at for at, *_ in told(person, Urgency.HIGH)} == {0}


def test_a_later_call_that_falls_into_quiet_hours_waits_by_itself() -> None:
    rules = (rule(0, MAIL, Urgency.LOW), rule(40, PHONE, Urgency.LOW))
    person = replace(ANA, quiet=Quiet(time(16), time(17)), rules=rules)

    assert told(person, Urgency.LOW) == [(0, "ana@x", True), (90, "+49 1", False)]
    assert told(person, Urgency.LOW, NOW + minutes(60)) == [(30, "ana@x", True), (40, "+49 1", False)]
