"""Slots: named places on a lower app's pages and answers that upper apps fill. No import, and no foreign key, points upwards.

The lower app declares a :class:`Slot` with the protocol of its loaders and a rule that merges what several of them say of one
object. Upper apps fill it in ``AppConfig.ready()``. A loader takes a list of ids and answers for all of them at once, so that a
page costs the same number of queries whatever stands on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

L = TypeVar("L", bound=Callable[..., Any])  # the protocol of loaders: ids, and by keyword what the page knows already
M = TypeVar("M")  # what the loaders' answers are merged into

_declared: set[str] = set()


class Slot(Generic[L, M]):
    """A place called *name* (``"object.place"``). *merge* makes one of what the loaders say of an object, in the order in which
    they were registered; it is called with at least one answer.

    Raises ``ValueError`` when there is a slot of that name.
    """

    def __init__(self, name: str, merge: Callable[[Sequence[Any]], M]) -> None:
        if name in _declared:
            raise ValueError(f"the slot {name!r} is declared twice")
        _declared.add(name)
        self.name = name
        self._merge = merge
        self._loaders: list[L] = []

    def fill(self, loader: L) -> None:
        """Have *loader* fill the slot; registering it again changes nothing."""
        if loader not in self._loaders:
            self._loaders.append(loader)

    def empty(self, loader: L) -> None:
        """Take a registration back (tests)."""
        self._loaders.remove(loader)

    def load(self, ids: Sequence[int], **known: Any) -> dict[int, M]:
        """What fills the slot for each of *ids* of which anything is said. *known* is handed to the loaders."""
        said: dict[int, list[Any]] = {}
        for loader in self._loaders if ids else ():
            for pk, value in loader(ids, **known).items():
                said.setdefault(pk, []).append(value)
        return {pk: self._merge(values) for pk, values in said.items()}
