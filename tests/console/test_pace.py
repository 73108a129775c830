"""How often open pages are told: as often as it can be followed, and as the number of pages allows."""

from __future__ import annotations

import pytest

from incidents.response.console.pace import BY_SOMEONE, LONGEST, TURN, Pace, after

CALM, STORM, FLOOD = 20, 100, 4000  # changes a second
NOW = 100.99


def pace_of(changes: int, pages: int = 1) -> Pace:
    pace = Pace()
    pace.pages = pages
    for turn in range(20):
        pace.note(changes // 20, 100 + turn * TURN)
    return pace


@pytest.mark.parametrize(("changes", "rows", "rest"), [(CALM, 0, 0), (STORM, 1, 1), (FLOOD, 2, 8)])
def test_the_more_happens_the_longer_rows_rest(changes, rows, rest):
    pace = pace_of(changes)
    assert (pace.rows(NOW), pace.rest(NOW)) == (rows, rest)


def test_and_the_more_watch_up_to_a_limit():
    assert [pace_of(STORM, pages).rest(NOW) for pages in (1, 11, 1000)] == [1, 2.5, 8]
    assert [pace_of(FLOOD, pages).rest(NOW) for pages in (1, 11, 1000)] == [8, 12, 20]


def test_what_one_can_follow_may_be_too_much_to_tell_to_many():
    assert [pace_of(CALM, pages).is_storm(NOW) for pages in (1, 10, 11)] == [False, False, True]


@pytest.mark.parametrize("changes", [CALM, STORM, FLOOD])
def test_a_second_later_it_is_calm_again(changes):
    pace = pace_of(changes, pages=20)
    assert pace.rows(NOW + 1) == pace.rest(NOW + 1) == 0


@pytest.mark.parametrize("changes", [STORM, FLOOD])
def test_what_somebody_does_never_waits_for_the_end_of_a_storm(changes):
    pace = pace_of(changes, pages=20)
    assert pace.rows(NOW, by_someone=True) + pace.rest(NOW, by_someone=True) < 1


def test_pages_ask_one_after_the_other():
    assert [pace_of(1, pages).spread(NOW) for pages in (1, 6, 1000)] == [0, 0.15, 0.6]
    assert pace_of(1, 1000).spread(NOW, by_someone=True) == 0, "colleagues see each other work at once"
    assert pace_of(STORM, 1).spread(NOW) == 1, "in the time that lists rest"
    assert pace_of(STORM, 1000).spread(NOW, by_someone=True) <= BY_SOMEONE / 2


def test_one_change_is_told_to_all_at_once():
    pace = Pace()
    pace.pages = 150
    pace.note(1, NOW)
    assert pace.turn(NOW) == 150


@pytest.mark.parametrize("changes", [STORM, FLOOD])
@pytest.mark.parametrize("pages", [1, 20, 1000])
def test_in_a_storm_pages_take_turns_and_none_waits_long(changes, pages):
    turn = pace_of(changes, pages).turn(NOW)
    assert turn >= 1
    assert pages / turn * TURN <= LONGEST + TURN
    assert turn <= max(10, pages / 10)


def test_many_at_once_are_followed_by_a_pause():
    assert after(1) == TURN
    assert after(40) == 0.2
    assert after(10_000) == LONGEST


def test_counting_never_eats_what_ingest_needs():
    pace = pace_of(CALM)
    assert pace.figures(0.1, NOW) == 0.5
    assert pace.figures(0.02, NOW) == pace.figures(3, NOW) == 0.1  # that one waited for something else
    assert [pace_of(FLOOD, pages).figures(0.001, NOW) for pages in (1, 11, 1000)] == [2, 3, 5]
