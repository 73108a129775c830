"""How often open pages are told what changed: at once while little happens, as often as it can be followed when much does.

Figures cost a page one frame, so they keep coming; rows cost it fifty rows, so in a storm they come about as often as somebody
could read them. Pages are told in turn, never all in one instant, so that twenty of them do not get in the way of the alerts.
"""

from __future__ import annotations

import math
from collections import deque

from incidents.core import counting

TURN = 0.05  # seconds between two turns
MESSAGES = 200  # a second to all pages together, about …
LONGEST = 0.5  # … but each page hears within this many seconds, however many there are
SHARE = 5  # figures are not read again before this many times as long as it takes, so that counting never eats what ingest needs
READINGS = 5  # … and it takes as long as the quickest of so many: the others waited for a busy machine

STORM = 25  # changes a second that nobody can follow row by row; fewer where each would be told to many …
STORM_ROWS = 1.0  # … so rows come this many seconds apart, and a list that was replaced is left to be read for as long
EACH = 0.15  # … for so many more with each further page, since to send one is to send it to all of them
FLOOD = 500  # changes a second that nobody can follow at all …
FLOOD_ROWS = 2.0  # … so rows come this many seconds apart,
FLOOD_REST = 8.0  # … a list that was replaced is left for so many, …
FLOOD_EACH = 0.4  # … and for so many more with each further page,
LONGEST_REST = 20.0  # … but never for more than these,
FLOOD_FIGURES = 2.0  # … figures are read this many seconds apart, …
FIGURES_EACH = 0.1  # … and so many more with each further page,
LONGEST_FIGURES = 5.0  # … but never more than these
EACH_WAITS = 0.03  # seconds by which one page after the other asks for what a sender changed, while little happens …
ALL_WAIT = 0.6  # … and for which the last one waits at most
# When not only alerts changed, rows come this many seconds apart and a list rests half as long: colleagues see each other work
# within a second in any storm.
BY_SOMEONE = 0.5


class Pace:
    """Counts the changes of the last second, and answers with what follows from them. Times are in seconds."""

    def __init__(self) -> None:
        self.pages = 0  # that are told
        self._recent: deque[tuple[float, int]] = deque()
        self._took: deque[float] = deque(maxlen=READINGS)

    def note(self, count: int, now: float) -> None:
        """*count* changes were heard of at *now*."""
        self._recent.append((now, count))

    def rate(self, now: float) -> int:
        """Changes within the second before *now*."""
        while self._recent and self._recent[0][0] <= now - 1:
            self._recent.popleft()
        return sum(count for _, count in self._recent)

    def is_flood(self, now: float) -> bool:
        """Whether nobody can follow it at all."""
        return self.rate(now) > FLOOD

    def is_storm(self, now: float) -> bool:
        """Whether nobody can follow it row by row, or not all of the pages can be told each change."""
        return self.rate(now) > min(STORM, MESSAGES / max(1, self.pages))

    def figures(self, took: float, now: float) -> float:
        """Between two readings of the figures, now that one *took* so long."""
        self._took.append(took)
        flood = min(LONGEST_FIGURES, FLOOD_FIGURES + FIGURES_EACH * (self.pages - 1))
        return max(flood if self.is_flood(now) else 0.0, SHARE * min(self._took))

    def oldest(self, now: float) -> float:
        """How old figures may be, in seconds: in a flood those that were counted for somebody else will do."""
        return counting.MAX_AGE if self.is_flood(now) else 0.0

    def rows(self, now: float, *, by_someone: bool = False) -> float:
        """Between two messages that say that rows changed; 0: every message may."""
        if not self.is_storm(now):
            return 0.0
        if by_someone:
            return BY_SOMEONE
        return FLOOD_ROWS if self.is_flood(now) else STORM_ROWS

    def rest(self, now: float, *, by_someone: bool = False) -> float:
        """For how long a list should be left alone after all of its rows changed; after a few of them in proportion."""
        if not self.is_storm(now):
            return 0.0
        if by_someone:
            return BY_SOMEONE / 2
        rest, each, longest = (
            (FLOOD_REST, FLOOD_EACH, LONGEST_REST) if self.is_flood(now) else (STORM_ROWS, EACH, FLOOD_REST)
        )
        return min(longest, rest + each * (self.pages - 1))

    def spread(self, now: float, *, by_someone: bool = False) -> float:
        """Within how many seconds pages ask for what changed, one after the other, so that not all do in one instant."""
        calm = 0.0 if by_someone else min(ALL_WAIT, EACH_WAITS * (self.pages - 1))
        return self.rest(now, by_someone=by_someone) or calm

    def turn(self, now: float) -> int:
        """How many pages are told in one turn: all of them while little happens."""
        if not self.is_storm(now):
            return self.pages
        least = self.pages * TURN / LONGEST
        return math.ceil(least if self.is_flood(now) else max(least, MESSAGES * TURN))


def after(told: int) -> float:
    """The pause after so many pages were *told* at once."""
    return max(TURN, min(LONGEST, told / MESSAGES))
