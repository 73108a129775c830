"""Rotations on the wall clocks of zones with unlike habits: whoever reads the clock at a hand-over sees the same time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from notifications.choices import RotationUnit
from notifications.oncall import (
    FUTURE,
    LayerSpec,
    OverrideSpec,
    Restriction,
    ScheduleSpec,
    Span,
    final_schedule,
    gaps,
    layer_shifts,
    on_call,
    rotation_index,
)
from notifications.oncall.wall import add_months, instant_of, wall_of

ANA, BO, CY, DEE = 1, 2, 3, 4


def local(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def layer(zone: str = "UTC", starts: str = "2026-01-05 09:00", **fields: object) -> LayerSpec:
    defaults: dict[str, object] = {
        "id": 1,
        "time_zone": zone,
        "length": 1,
        "unit": RotationUnit.DAY,
        "starts_at": local(starts, zone),
        "members": (ANA, BO),
    }
    return LayerSpec(**{**defaults, **fields})  # type: ignore[arg-type]


def schedule(*layers: LayerSpec, **fields: object) -> ScheduleSpec:
    return ScheduleSpec(id=1, name="primary", time_zone="UTC", layers=layers, **fields)  # type: ignore[arg-type]


# A zone, a day rotation's first hand-over on its clock, and what the hand-overs are in UTC over the days that are unlike others.
DAYS = [
    # New York: forward on 8 March 2026 (23 h), back on 1 November (25 h).
    ("America/New_York", "2026-03-06 09:00", ["03-06 14:00", "03-07 14:00", "03-08 13:00", "03-09 13:00"]),
    ("America/New_York", "2026-10-30 09:00", ["10-30 13:00", "10-31 13:00", "11-01 14:00", "11-02 14:00"]),
    # Handed over in the hour that is skipped: when the clock jumps. In the hour that comes twice: the first time.
    ("America/New_York", "2026-03-06 02:30", ["03-06 07:30", "03-07 07:30", "03-08 07:00", "03-09 06:30"]),
    ("America/New_York", "2026-10-30 01:30", ["10-30 05:30", "10-31 05:30", "11-01 05:30", "11-02 06:30"]),
    # São Paulo moved its clocks at midnight: 4 November 2018 began at 01:00; 18 February 2018 was its last return then.
    ("America/Sao_Paulo", "2018-11-02 00:00", ["11-02 03:00", "11-03 03:00", "11-04 03:00", "11-05 02:00"]),
    ("America/Sao_Paulo", "2018-02-16 08:00", ["02-16 10:00", "02-17 10:00", "02-18 11:00", "02-19 11:00"]),
    ("America/Sao_Paulo", "2026-11-01 08:00", ["11-01 11:00", "11-02 11:00", "11-03 11:00", "11-04 11:00"]),
    # Lord Howe moves by half an hour: forward on 4 October 2026 at 02:00, back on 5 April.
    ("Australia/Lord_Howe", "2026-10-03 09:00", ["10-02 22:30", "10-03 22:00", "10-04 22:00"]),
    ("Australia/Lord_Howe", "2026-10-03 02:15", ["10-02 15:45", "10-03 15:30", "10-04 15:15"]),
    ("Australia/Lord_Howe", "2026-04-04 09:00", ["04-03 22:00", "04-04 22:30", "04-05 22:30"]),
    ("Asia/Kathmandu", "2026-03-28 09:00", ["03-28 03:15", "03-29 03:15", "03-30 03:15"]),
    ("UTC", "2027-12-30 00:00", ["12-30 00:00", "12-31 00:00"]),
]


@pytest.mark.parametrize(("zone", "first", "expected"), DAYS)
def test_days_are_handed_over_by_the_wall_clock(zone: str, first: str, expected: list[str]) -> None:
    year = first[:4]
    starts = [utc(f"{year}-{text}") for text in expected]
    shifts = layer_shifts(layer(zone, first), starts[0], starts[-1] + timedelta(minutes=1))
    assert [shift.start for shift in shifts] == starts
    assert [shift.user_id for shift in shifts] == [(ANA, BO)[n % 2] for n in range(len(starts))]
    for before, after in pairwise(shifts):
        assert before.end == after.start


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("America/New_York", "2026-01-05 08:00"),
        ("America/Sao_Paulo", "2017-01-02 08:00"),
        ("Australia/Lord_Howe", "2026-01-05 08:00"),
        ("Asia/Kathmandu", "2026-01-05 08:00"),
        ("UTC", "2026-01-05 08:00"),
    ],
)
@pytest.mark.parametrize(("length", "unit", "days"), [(1, "day", 1), (3, "day", 3), (1, "week", 7), (2, "week", 14)])
def test_over_two_years_every_hand_over_is_at_eight(zone: str, first: str, length: int, unit: str, days: int) -> None:
    rotation = layer(zone, first, length=length, unit=RotationUnit(unit), members=(ANA, BO, CY))
    start = rotation.starts_at
    shifts = layer_shifts(rotation, start, start + timedelta(days=730))
    for number, shift in enumerate(shifts):
        clock = wall_of(shift.start, ZoneInfo(zone))
        assert clock == datetime.fromisoformat(first) + timedelta(days=number * days)
        assert (shift.user_id, shift.index) == ((ANA, BO, CY)[number % 3], number % 3)


def test_hours_are_elapsed_hours_whatever_the_clock_does() -> None:
    rotation = layer("America/New_York", "2026-03-08 00:00", length=3, unit=RotationUnit.HOUR)
    shifts = layer_shifts(rotation, rotation.starts_at, rotation.starts_at + timedelta(hours=9))
    assert {shift.end - shift.start for shift in shifts} == {timedelta(hours=3)}
    assert f"{wall_of(shifts[1].start, rotation.zone):%H:%M}" == "04:00"  # 02:00 to 03:00 was skipped


def test_months_keep_their_day_or_take_the_last_and_leap_days_count() -> None:
    rotation = layer("UTC", "2027-10-31 09:00", unit=RotationUnit.MONTH)
    shifts = layer_shifts(rotation, rotation.starts_at, utc("2028-04-01"))
    starts = [f"{shift.start:%Y-%m-%d}" for shift in shifts]
    assert starts == ["2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]
    assert add_months(date(2027, 11, 30), 3).isoformat() == "2028-02-29"


@pytest.mark.parametrize(("year", "weeks"), [(2020, 53), (2021, 52), (2026, 53), (2027, 52)])
def test_weeks_alternate_over_the_new_year_whatever_the_weeks_number(year: int, weeks: int) -> None:
    """53 weeks a year would make one person have two weeks in a row, if turns followed the number of the week."""
    rotation = layer("Europe/Berlin", f"{year}-01-06 09:00", unit=RotationUnit.WEEK)
    shifts = layer_shifts(rotation, utc(f"{year}-12-01"), utc(f"{year + 1}-02-01"))
    assert any(shift.start.isocalendar().week == weeks for shift in shifts)
    holders = [shift.user_id for shift in shifts]
    assert all(before != after for before, after in pairwise(holders))


def test_a_day_that_a_zone_skipped_is_nobodys_turn() -> None:
    """Samoa had no 30 December 2011: that turn lasts no time, or what is left of it, and nobody has two at once."""
    rotation = layer("Pacific/Apia", "2011-12-28 00:00", members=(ANA, BO, CY, DEE))
    shifts = layer_shifts(rotation, rotation.starts_at, rotation.starts_at + timedelta(days=4))
    assert [shift.user_id for shift in shifts] == [ANA, BO, DEE, ANA]
    assert all(before.end == after.start for before, after in pairwise(shifts))


OVERNIGHT = Restriction(frozenset(range(5)), time(22), time(6))


@pytest.mark.parametrize(
    ("day", "on", "off", "hours"),
    [
        ("2026-03-06", "03-07 03:00", "03-07 11:00", 8),  # Friday night, New York
        ("2026-10-29", "10-30 02:00", "10-30 10:00", 8),
    ],
)
def test_overnight_restrictions_belong_to_the_day_on_which_they_begin(day: str, on: str, off: str, hours: int) -> None:
    rotation = layer("America/New_York", "2026-01-01 00:00", members=(ANA,), restrictions=(OVERNIGHT,))
    noon = local(f"{day} 12:00", "America/New_York")
    (shift, *_) = layer_shifts(rotation, noon, noon + timedelta(days=1))
    assert (shift.start, shift.end) == (utc(f"2026-{on}"), utc(f"2026-{off}"))
    assert shift.end - shift.start == timedelta(hours=hours)
    # Saturday and Sunday evening begin nothing.
    assert not layer_shifts(
        rotation, local("2026-03-07 06:00", "America/New_York"), local("2026-03-09 21:00", "America/New_York")
    )


@pytest.mark.parametrize(
    ("zone", "night", "hours"),
    [
        ("America/New_York", "2026-03-07", 7.0),
        ("America/New_York", "2026-10-31", 9.0),
        ("Australia/Lord_Howe", "2026-10-03", 7.5),
        ("Australia/Lord_Howe", "2026-04-04", 8.5),
        ("America/Sao_Paulo", "2018-11-03", 7.0),
        ("Asia/Kathmandu", "2026-03-28", 8.0),
        ("UTC", "2026-03-28", 8.0),
    ],
)
def test_a_night_is_as_long_as_it_is(zone: str, night: str, hours: float) -> None:
    nightly = Restriction(frozenset(), time(22), time(6))
    rotation = layer(zone, "2017-01-01 12:00", members=(ANA,), restrictions=(nightly,))
    noon = local(f"{night} 12:00", zone)
    (shift,) = layer_shifts(rotation, noon, noon + timedelta(hours=20))
    assert shift.end - shift.start == timedelta(hours=hours)
    assert (wall_of(shift.start, ZoneInfo(zone)).hour, wall_of(shift.end, ZoneInfo(zone)).hour) == (22, 6)


def test_restrictions_that_join_on_the_clock_leave_no_hole_when_it_jumps() -> None:
    day, night = Restriction(frozenset(), time(2, 30), time(1, 30)), Restriction(frozenset(), time(1, 30), time(2, 30))
    zone = "America/New_York"
    both = schedule(
        layer(zone, "2026-01-01 00:00", id=1, members=(ANA,), restrictions=(day,)),
        layer(zone, "2026-01-01 00:00", id=2, members=(BO,), restrictions=(night,)),
    )
    for around in ("2026-03-08 00:00", "2026-11-01 00:00"):
        start = local(around, zone)
        assert gaps(both, start - timedelta(days=3), start + timedelta(days=3)) == []


def test_half_open_the_instant_of_a_hand_over_is_the_next_ones() -> None:
    rotation = schedule(layer())
    at = utc("2026-01-06 09:00")
    assert on_call(rotation, at - timedelta.resolution).user_id == ANA
    shift = on_call(rotation, at)
    assert (shift.user_id, shift.start, shift.end) == (BO, at, utc("2026-01-07 09:00"))


def test_a_layer_begins_and_ends_when_it_says() -> None:
    rotation = schedule(layer(ends_at=utc("2026-01-07 12:00")))
    assert on_call(rotation, utc("2026-01-05 08:59")) is None
    assert on_call(rotation, utc("2026-01-07 11:59")).end == utc("2026-01-07 12:00")
    assert on_call(rotation, utc("2026-01-07 12:00")) is None
    assert gaps(rotation, utc("2026-01-05"), utc("2026-01-08")) == [
        Span(utc("2026-01-05 00:00"), utc("2026-01-05 09:00")),
        Span(utc("2026-01-07 12:00"), utc("2026-01-08 00:00")),
    ]


def test_the_override_made_last_lies_on_top_and_the_turn_goes_on_beneath() -> None:
    spec = schedule(
        layer(),
        overrides=(
            OverrideSpec(id=1, user_id=CY, starts_at=utc("2026-01-05 10:00"), ends_at=utc("2026-01-05 20:00")),
            OverrideSpec(id=2, user_id=DEE, starts_at=utc("2026-01-05 12:00"), ends_at=utc("2026-01-05 14:00")),
        ),
    )
    shifts = final_schedule(spec, utc("2026-01-05 09:00"), utc("2026-01-06 12:00"))
    assert [(shift.user_id, shift.start.hour) for shift in shifts] == [
        (ANA, 9),
        (CY, 10),
        (DEE, 12),
        (CY, 14),
        (ANA, 20),
        (BO, 9),
    ]
    held = on_call(spec, utc("2026-01-05 13:00"))
    assert (held.user_id, held.source, held.override_id, held.end) == (DEE, "override", 2, utc("2026-01-05 14:00"))
    assert rotation_index(spec, utc("2026-01-05 13:00")) == 0


def test_the_fallback_person_stands_in_and_the_hole_is_still_told() -> None:
    spec = schedule(layer(starts="2026-01-05 09:00"), fallback_id=DEE)
    held = on_call(spec, utc("2026-01-05 03:00"))
    assert (held.user_id, held.source, held.index, held.end) == (DEE, "fallback", None, utc("2026-01-05 09:00"))
    assert gaps(spec, utc("2026-01-05"), utc("2026-01-06")) == [Span(utc("2026-01-05"), utc("2026-01-05 09:00"), True)]
    assert on_call(schedule(fallback_id=DEE), utc("2026-01-05")).end == FUTURE


def test_somebody_who_left_leaves_a_gap_and_moves_nobody_else() -> None:
    spec = schedule(layer(members=(ANA, None, CY)))
    shifts = final_schedule(spec, utc("2026-01-05 09:00"), utc("2026-01-09 09:00"))
    assert [(shift.user_id, shift.start.day) for shift in shifts] == [(ANA, 5), (CY, 7), (ANA, 8)]
    assert on_call(spec, utc("2026-01-06 12:00")) is None
    assert gaps(spec, utc("2026-01-05 09:00"), utc("2026-01-09 09:00")) == [
        Span(utc("2026-01-06 09:00"), utc("2026-01-07 09:00"))
    ]


def test_a_skipped_time_is_the_jump_itself() -> None:
    zone = ZoneInfo("America/New_York")
    for text in ("02:00", "02:30", "02:59:59"):
        assert instant_of(datetime.fromisoformat(f"2026-03-08 {text}"), zone) == utc("2026-03-08 07:00")
