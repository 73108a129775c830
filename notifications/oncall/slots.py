"""The places in on-call's reads that upper subjects fill (``aiops.kernel.slots``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Protocol

from aiops.kernel.slots import Slot


class PagesLoader(Protocol):
    """Says for each person when pages of these workspaces reached them, from *start* until before *end*."""

    def __call__(
        self, user_ids: Sequence[int], *, workspaces: set[int], start: datetime, end: datetime
    ) -> Mapping[int, Sequence[datetime]]: ...


class UsersLoader(Protocol):
    """Says for each schedule the names of what pages it, such as policies. Schedules that nothing pages are left out."""

    def __call__(self, schedule_ids: Sequence[int], *, workspace_id: int) -> Mapping[int, Sequence[str]]: ...


# The pages that people got, for the load report: those of all subjects.
PAGES: Slot[PagesLoader, list[datetime]] = Slot("person.pages", lambda said: list(chain(*said)))
# What pages a schedule, so that it can't be deleted: all names.
USERS: Slot[UsersLoader, list[str]] = Slot("schedule.users", lambda said: list(chain(*said)))
