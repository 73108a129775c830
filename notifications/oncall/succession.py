"""The succession of layers: when a changed rotation takes effect, and whose turn comes first. Pure.

When people are added, removed or reordered, the present holder keeps the shift to its end; the person after them in the
new order follows. When the holder has left, the next person follows at once. A change of rhythm (length, unit, zone)
takes effect at once, and the person in turn stays in turn. Moving the first turn by a whole turn or more sets anew
whose turn it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from notifications.oncall.rotation import begin_of, number_at
from notifications.oncall.values import FUTURE, LayerSpec
from notifications.oncall.wall import wall_of


def succession(old: LayerSpec, new: LayerSpec, now: datetime) -> tuple[datetime, int]:
    """From when *new* takes over from *old*, which is on or has been, and the offset with which its turns are counted."""
    if now < old.starts_at or not old.members:
        return now, 0
    number = number_at(old, now)
    if _starts_anew(old, new):
        return now, 0
    place = (number + old.offset) % len(old.members)
    if _rhythm(old) != _rhythm(new):
        at = max(now, new.starts_at)
        return now, (_kept(old.members, place, new.members) - number_at(new, at)) % len(new.members)
    if old.members == new.members:
        return now, old.offset
    if old.members[place] is None:
        return now, (_heir(old.members, place, new.members) - number) % len(new.members)
    ends = min(begin_of(old, number + 1), old.ends_at or FUTURE)
    return ends, (following(old.members, place, new.members) - number - 1) % len(new.members)


def following(old: Sequence[int | None], place: int, new: Sequence[int | None]) -> int:
    """The place in *new* of whoever comes after the one at *place* of *old*: the next one in the new order, or, when that person
    is no more in it, the first of those after them in the old order who is."""
    found = _place_of(old, place, new)
    return (found + 1) % len(new) if found is not None else _heir(old, place, new)


def _kept(old: Sequence[int | None], place: int, new: Sequence[int | None]) -> int:
    found = _place_of(old, place, new)
    return found if found is not None else _heir(old, place, new)


def _heir(old: Sequence[int | None], place: int, new: Sequence[int | None]) -> int:
    for step in range(1, len(old)):
        found = _place_of(old, (place + step) % len(old), new)
        if found is not None:
            return found
    return 0


def _place_of(old: Sequence[int | None], place: int, new: Sequence[int | None]) -> int | None:
    """Where the turn at *place* is in *new*: of somebody who has several turns, the same one of them."""
    person = old[place]
    places = [n for n, other in enumerate(new) if other == person and person is not None]
    which = sum(1 for other in old[:place] if other == person)
    return places[min(which, len(places) - 1)] if places else None


def _rhythm(layer: LayerSpec) -> tuple[object, ...]:
    return layer.length, layer.unit, layer.time_zone, layer.starts_at


def _starts_anew(old: LayerSpec, new: LayerSpec) -> bool:
    """Whether the first turn was moved by a whole turn or more, on the clock that it is written for."""
    if wall_of(old.starts_at, old.zone) == wall_of(new.starts_at, new.zone):
        return False
    turn = begin_of(replace(old, starts_at=min(old.starts_at, new.starts_at)), 1) - min(old.starts_at, new.starts_at)
    return abs(new.starts_at - old.starts_at) >= turn
