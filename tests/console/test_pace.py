"""How often open pages are told: as often as it can be followed, and as the number of pages allows."""

from __future__ import annotations

import pytest

from incidents.console.pace import BY_SOMEONE, LONGEST, TURN, Pace, after

CALM, STORM, FLOOD = 20, 100, 4000  # changes a second


def pace_of(changes: int) -> Pace:
    pace = Pace()
    for turn in range(20):
        pace.note(changes // 20, 100 + turn * TURN)
    return pace


NOW = 100.99


@pytest.mark.parametrize(("changes", "rows", "rest"), [(CALM, 0, 0), (STORM, 1, 1), (FLOOD, 2, 6)])
def test_the_more_happens_the_longer_rows_rest(changes, rows, rest):
    pace = pace_of(changes)
    assert (pace.rows(NOW), pace.rest(NOW)) == (rows, rest)


@pytest.mark.parametrize("changes", [CALM, STORM, FLOOD])
def test_a_second_later_it_is_calm_again(changes):
    pace = pace_of(changes)
    assert pace.rows(NOW + 1) == pace.rest(NOW + 1) == 0


@pytest.mark.parametrize("changes", [STORM, FLOOD])
def test_what_somebody_does_never_waits_for_the_end_of_a_storm(changes):
    pace = pace_of(changes)
    assert pace.rows(NOW, by_someone=True) == pace.rest(NOW, by_someone=True) == BY_SOMEONE


def test_one_change_is_told_to_all_at_once():
    assert pace_of(CALM).turn(1000, NOW) == 1000


@pytest.mark.parametrize("changes", [STORM, FLOOD])
@pytest.mark.parametrize("pages", [1, 20, 1000])
def test_in_a_storm_pages_take_turns_and_none_waits_long(changes, pages):
    turn = pace_of(changes).turn(pages, NOW)
    assert turn >= 1
    assert pages / turn * TURN <= LONGEST + TURN
    assert turn <= max(10, pages / 10)


def test_many_at_once_are_followed_by_a_pause():
    assert after(1) == TURN
    assert after(40) == 0.2
    assert after(10_000) == LONGEST


def test_counting_never_eats_what_ingest_needs():
    assert pace_of(CALM).figures(0.1, NOW) == 0.5
    assert pace_of(FLOOD).figures(0.001, NOW) == 1.0
    assert pace_of(CALM).figures(10, NOW) == 2.0
