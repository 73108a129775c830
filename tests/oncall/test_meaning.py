"""What an event of a calendar means: who is put on call by it, and whether it is time off. Cell by cell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.oncall.ical import Event
from tests.factories import NOW

BO, CY, DEE = "bo@example.com", "cy@example.com", "dee@example.com"


def event(**fields: object) -> Event:
    defaults = {"uid": "1", "start": NOW, "end": NOW + timedelta(hours=1), "summary": ""}
    return Event(**defaults | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attendees", "organizers", "summary", "first"),
    [
        ([(BO, ""), (CY, "")], [], "", BO),
        ([(BO, "DECLINED"), (CY, "ACCEPTED")], [], "", CY),
        ([(BO, "DECLINED")], [], "", None),
        ([(BO, "DECLINED")], [(BO, "")], f"{BO} covers", None),
        ([(BO, "DECLINED")], [(CY, "")], "", CY),
        ([], [(BO, "DECLINED")], "", None),
        ([], [(BO, "")], "", BO),
        ([(BO, "DELEGATED"), (CY, "NEEDS-ACTION")], [], "", CY),
        ([(BO, "NEEDS-ACTION"), (CY, "ACCEPTED")], [], "", CY),
        ([(BO, "TENTATIVE"), (CY, "ACCEPTED")], [], "", CY),
        ([(BO, "TENTATIVE"), (CY, "NEEDS-ACTION")], [], "", BO),
        ([(BO, "TENTATIVE")], [(CY, "ACCEPTED")], "", BO),
        ([(BO, "X-MAYBE"), (CY, "")], [], "", CY),
        ([], [], f"On call: {DEE}", DEE),
        ([(BO, "ACCEPTED"), (BO, "DECLINED")], [], "", None),
    ],
)
def test_who_declined_is_not_put_on_call_and_who_accepted_comes_first(
    attendees: list[tuple[str, str]], organizers: list[tuple[str, str]], summary: str, first: str | None
) -> None:
    found = event(attendees=tuple(attendees), organizers=tuple(organizers), summary=summary).on_call
    assert (found[0] if found else None) == first


@pytest.mark.parametrize(
    ("status", "shift", "off"),
    [
        ("", True, True),
        ("CONFIRMED", True, True),
        ("TENTATIVE", True, False),
        ("CANCELLED", False, False),
        ("CANCELED", False, False),
        ("X-ODD", True, True),
    ],
)
def test_the_status_of_an_event(status: str, shift: bool, off: bool) -> None:
    assert (event(status=status).is_shift, event(status=status).takes_off(BO)) == (shift, off)


@pytest.mark.parametrize(
    ("shown_as", "off"),
    [
        ("", True),
        ("OPAQUE", True),
        ("BUSY", True),
        ("OOF", True),
        ("TRANSPARENT", False),
        ("FREE", False),
        ("TENTATIVE", False),
        ("WORKINGELSEWHERE", False),
        ("X-ODD", True),
    ],
)
def test_free_time_is_no_time_off_but_may_be_a_shift(shown_as: str, off: bool) -> None:
    assert event(shown_as=shown_as).takes_off(BO) is off
    assert event(shown_as=shown_as).is_shift


@pytest.mark.parametrize(
    ("answer", "off"),
    [
        ("", True),
        ("ACCEPTED", True),
        ("DECLINED", False),
        ("TENTATIVE", False),
        ("NEEDS-ACTION", False),
        ("DELEGATED", False),
    ],
)
def test_only_what_a_person_agreed_to_takes_them_off(answer: str, off: bool) -> None:
    assert event(attendees=((BO, answer), (CY, "ACCEPTED"))).takes_off("Bo@example.com") is off
    assert event(attendees=((BO, answer),)).takes_off(CY)


def test_a_shift_of_our_own_feed_read_back_is_no_time_off() -> None:
    assert not event(uid="shift-1-2-20260320T090000Z@aiops/20260320T090000Z").takes_off(BO)
