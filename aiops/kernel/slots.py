"""Named places on a lower app's pages and answers that apps above fill: no import, and no foreign key, ever points upwards.

A loader takes a list of ids and answers for all of them at once, so that a page costs the same number of queries whatever stands
on it. Upper apps register in ``AppConfig.ready()``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Loader = Callable[..., Mapping[int, Any]]

_loaders: dict[str, list[Loader]] = {}


def register(slot: str, loader: Loader) -> None:
    """Have ``loader(ids, **context)`` fill *slot*; registering it again changes nothing."""
    loaders = _loaders.setdefault(slot, [])
    if loader not in loaders:
        loaders.append(loader)


def unregister(slot: str, loader: Loader) -> None:
    """Take a registration back (tests)."""
    _loaders[slot].remove(loader)


def load(slot: str, ids: Sequence[int], **context: Any) -> dict[int, list[Any]]:
    """What fills *slot* for each of *ids* that anything is said of, in the order of registration."""
    found: dict[int, list[Any]] = {}
    for loader in _loaders.get(slot, ()) if ids else ():
        for pk, value in loader(ids, **context).items():
            found.setdefault(pk, []).append(value)
    return found
