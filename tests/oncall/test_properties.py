"""Whatever a schedule looks like: one holder at most at any instant, and no hole that is not told."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.choices import RotationUnit
from notifications.oncall import (
    LayerSpec,
    OverrideSpec,
    Restriction,
    ScheduleSpec,
    final_schedule,
    gaps,
    layer_shifts,
    on_call,
)

ZONES = [
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
    "Pacific/Apia",
    "Africa/Casablanca",
]
# Around clock changes of these zones, a leap day, the end of a year with 53 weeks, and a day that was skipped.
CENTRES = [
    "2026-03-08",
    "2026-11-01",
    "2018-11-04",
    "2018-02-18",
    "2026-10-04",
    "2026-04-05",
    "2028-02-29",
    "2020-12-31",
    "2011-12-30",
]

clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
restrictions = st.builds(Restriction, st.frozensets(st.integers(0, 6)), clocks, clocks)
people = st.integers(1, 6)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[ScheduleSpec, datetime, datetime]:
    centre = datetime.fromisoformat(draw(st.sampled_from(CENTRES))).replace(tzinfo=UTC)
    moments = st.integers(-20 * 1440, 20 * 1440).map(lambda minutes: centre + timedelta(minutes=minutes))
    layers = []
    for number in range(draw(st.integers(0, 3))):
        starts = draw(moments) - timedelta(days=draw(st.integers(0, 400)))
        ends = draw(st.none() | moments)
        layers.append(
            LayerSpec(
                id=number,
                time_zone=draw(st.sampled_from(ZONES)),
                length=draw(st.integers(1, 40)),
                unit=draw(st.sampled_from(RotationUnit)),
                starts_at=starts,
                since=draw(st.none() | moments),
                ends_at=ends if ends and ends > starts else None,
                members=tuple(draw(st.lists(st.none() | people, max_size=5))),
                restrictions=tuple(draw(st.lists(restrictions, max_size=3))),
            )
        )
    overrides = tuple(
        OverrideSpec(
            id=number,
            user_id=draw(people),
            starts_at=(at := draw(moments)),
            ends_at=at + timedelta(minutes=draw(st.integers(1, 9999))),
        )
        for number in range(draw(st.integers(0, 5)))
    )
    start = draw(moments)
    spec = ScheduleSpec(
        id=1, name="", time_zone="UTC", layers=tuple(layers), overrides=overrides, fallback_id=draw(st.none() | people)
    )
    return spec, start, start + timedelta(minutes=draw(st.integers(1, 30 * 1440)))


@settings(max_examples=300)
@given(schedules())
def test_one_holder_at_most_and_every_hole_is_told(drawn: tuple[ScheduleSpec, datetime, datetime]) -> None:
    spec, start, end = drawn
    for layer in spec.layers:
        own = layer_shifts(layer, start, end)
        assert all(a.start < a.end <= b.start for a, b in pairwise(own))
    final, holes = final_schedule(spec, start, end), gaps(spec, start, end)
    held = [shift for shift in final if shift.source != "fallback"]
    pieces = sorted([(piece.start, piece.end) for piece in [*held, *holes]])
    # Shifts and gaps tile the stretch: nothing twice, nothing left out.
    assert pieces[0][0] == start and pieces[-1][1] == end
    assert all(a[1] == b[0] and a[0] < a[1] for a, b in pairwise(pieces))
    stand_in = [(shift.start, shift.end) for shift in final if shift.source == "fallback"]
    assert stand_in == ([(hole.start, hole.end) for hole in holes] if spec.fallback_id else [])


@settings(max_examples=200)
@given(schedules(), st.floats(0, 1, exclude_max=True))
def test_one_instant_and_the_whole_agree(drawn: tuple[ScheduleSpec, datetime, datetime], where: float) -> None:
    """``on_call`` and ``final_schedule`` are worked out differently: they say the same person, and the same ends."""
    spec, start, end = drawn
    at = start + timedelta(seconds=int((end - start).total_seconds() * where))
    held = on_call(spec, at)
    found = [shift for shift in final_schedule(spec, start, end) if shift.start <= at < shift.end]
    if held is None:
        assert not found
        return
    (shift,) = found
    assert (shift.user_id, shift.source, shift.layer_id, shift.index) == (
        held.user_id,
        held.source,
        held.layer_id,
        held.index,
    )
    if any(None in layer.members for layer in spec.layers):
        assert shift.start <= max(held.start, start) <= at < min(held.end, end) <= shift.end
    else:
        assert (shift.start, shift.end) == (max(held.start, start), min(held.end, end))
