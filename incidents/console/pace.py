"""How often open pages are told what changed: at once while little happens, as often as it can be followed when much does.

Figures cost a page one frame, so they keep coming; rows cost it fifty rows, so in a storm they come about as often as somebody
could read them. Pages are told in turn, never all in one instant, so that twenty of them do not get in the way of the alerts.
"""

from __future__ import annotations

import math
from collections import deque

TURN = 0.05  # seconds between two turns
MESSAGES = 200  # a second to all pages together, about …
LONGEST = 0.5  # … but each page hears within this many seconds, however many there are
SHARE = 5  # figures are not read again before this many times as long as it takes, so that counting never eats what ingest needs,
SLOWEST = 2.0  # … or at most so many seconds

STORM = 25  # changes a second that nobody can follow row by row …
STORM_ROWS = 1.0  # … so rows come this many seconds apart
FLOOD = 500  # changes a second that nobody can follow at all …
FLOOD_ROWS = 2.0  # … so rows come this many seconds apart,
FLOOD_REST = 6.0  # … a list that was replaced from top to bottom is left to be read for so many,
FLOOD_FIGURES = 1.0  # … and figures are read this many seconds apart
BY_SOMEONE = (
    0.5  # seconds between rows when what changed was not only alerts: colleagues see each other work in any storm
)


class Pace:
    """Counts the changes of the last second, and answers with what follows from them. Times are in seconds."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque()

    def note(self, count: int, now: float) -> None:
        """*count* changes were heard of at *now*."""
        self._recent.append((now, count))

    def rate(self, now: float) -> int:
        """Changes within the second before *now*."""
        while self._recent and self._recent[0][0] <= now - 1:
            self._recent.popleft()
        return sum(count for _, count in self._recent)

    def figures(self, took: float, now: float) -> float:
        """Between two readings of the figures, when the last one took *took*."""
        return max(FLOOD_FIGURES if self.rate(now) > FLOOD else 0.0, min(SHARE * took, SLOWEST))

    def rows(self, now: float, *, by_someone: bool = False) -> float:
        """Between two messages that say that rows changed; 0: every message may."""
        rate = self.rate(now)
        pause = FLOOD_ROWS if rate > FLOOD else STORM_ROWS if rate > STORM else 0.0
        return min(pause, BY_SOMEONE) if by_someone else pause

    def rest(self, now: float, *, by_someone: bool = False) -> float:
        """For how long a list should be left alone after all of its rows changed; after a few of them in proportion."""
        rate = self.rate(now)
        rest = FLOOD_REST if rate > FLOOD else STORM_ROWS if rate > STORM else 0.0
        return min(rest, BY_SOMEONE) if by_someone else rest

    def turn(self, pages: int, now: float) -> int:
        """How many of *pages* are told in one turn: all of them while little happens."""
        rate = self.rate(now)
        if rate <= STORM:
            return pages
        least = pages * TURN / LONGEST
        return math.ceil(least if rate > FLOOD else max(least, MESSAGES * TURN))


def after(told: int) -> float:
    """The pause after so many pages were *told* at once."""
    return max(TURN, min(LONGEST, told / MESSAGES))
