"""The incident list: reads the filters from the URL, asks the selectors, prepares the template context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.api.fields import parse_instant
from aiops.api.params import asked
from aiops.kernel.errors import InvalidInput
from incidents.catalogue.models import Service
from incidents.choices import ENDED, LIVE, Severity, Status
from incidents.core import counting, selectors
from incidents.core.filters import narrow
from incidents.ids import parse_reference
from incidents.querysets import IncidentQuerySet
from incidents.response.console import paging
from incidents.response.console.filters import SPANS, ConsoleFilterSet
from incidents.response.console.forms import PRESETS
from incidents.response.console.rows import Row, for_rows, rows_of

TABS = (("live", "Live"), ("mine", "Mine"), ("snoozed", "Snoozed"), ("ended", "Ended"))
HEADINGS = {"mine": "Mine", "waiting": "Need someone", "all": "All incidents"}
# What narrows a list, by the words of its URL: what a chip calls it. Those of WORDY may be given several times.
NARROWING = {
    "q": "search",
    "severity": "severity",
    "status": "status",
    "service": "service",
    "last": "opened within",
    "since": "opened since",
    "from": "opened since",
    "to": "opened until",
    "namespace": "namespace",
    "resource": "resource",
    "snoozed": "snoozed",
}
WORDY = ("severity", "status")
OWN_FIELDS = ("severity", "status", "service", "last")  # the form shows them; it carries all others unseen
CURSORS = ("after", "before")
KNOWN = ("view", *NARROWING, "sort", *CURSORS)
MAX_SERVICES = 500  # in the picker; a name can always be typed into the URL
MAX_MINE = 99


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force: what it is called, its value for reading, and the list without it."""

    label: str
    value: str
    url: str


class ListQuery:
    """The state of a list page, read from its URL. Raises ``InvalidInput`` naming the parameter that can't be read."""

    def __init__(self, params: QueryDict) -> None:
        self.params = asked(params, KNOWN, WORDY)
        self.view = self.params.get("view", "live")
        if (word := self.params.get("sort", "newest")) not in paging.SORTS:
            raise InvalidInput(f"sort must be one of: {', '.join(paging.SORTS)} (not '{word[:40]}')", field="sort")
        self.sort = paging.SORTS[word]

    @property
    def text(self) -> str:
        return self.params.get("q", "")

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the tab and the order was asked for."""
        return any(name in self.params for name in NARROWING)

    def chips(self) -> list[Chip]:
        """Everything that narrows the list, each with the list without it."""
        return [
            Chip(label, self._shown(name, value), self._without(name, value))
            for name, label in NARROWING.items()
            for value in self.params.getlist(name)
        ]

    def carried(self) -> list[tuple[str, str]]:
        """What the form of the filters has to keep besides its own fields."""
        names = ("view", *(name for name in NARROWING if name not in OWN_FIELDS))
        return [(name, str(self.params[name])) for name in names if name in self.params]

    def _shown(self, name: str, value: str) -> str:
        if name in ("since", "from", "to") and (at := parse_instant(value)) is not None:
            return timezone.localtime(at).strftime("%-d %b %Y %H:%M:%S %Z")
        return SPANS[value][0] if name == "last" and value in SPANS else value

    def _without(self, name: str, value: str) -> str:
        left = [other for other in self.params.getlist(name) if other != value]
        params = self.params.copy()
        params.setlist(name, left)
        return self._address(params, CURSORS)

    def url(self, *drop: str, **changes: str) -> str:
        """The list with some parameters dropped and others set; cursors never survive a change."""
        params = self.params.copy()
        for name in (*CURSORS, *drop):
            params.pop(name, None)
        for name, value in changes.items():
            params[name] = value
        return self._address(params)

    @staticmethod
    def _address(params: QueryDict, drop: Iterable[str] = ()) -> str:
        for name in drop:
            params.pop(name, None)
        query = params.urlencode(safe=":,")
        return reverse("console-incidents") + (f"?{query}" if query else "")


@dataclass(frozen=True)
class Board:
    """The rows of one page of the list, and its neighbours. The same for everybody who sees the same workspaces."""

    actor: Actor
    user: User
    query: ListQuery
    now: datetime

    def context(self) -> dict[str, Any]:
        """What ``_board.html`` shows."""
        query = self.query
        page = paging.page_of(
            for_rows(self._found),
            query.sort,
            after=query.params.get("after", ""),
            before=query.params.get("before", ""),
        )
        return {
            "rows": rows_of(page.incidents, self.now),
            "query": query,
            "next_url": query.url(after=page.after) if page.after else "",
            "previous_url": query.url(before=page.before) if page.before else "",
            "first_url": query.url() if page.before else "",
            "size": paging.PAGE,
            "empty_title": "Nothing here" if query.is_narrowed or query.view != "live" else "All calm",
            "empty_calm": not query.is_narrowed and query.view in ("live", "waiting"),
            "empty_text": _EMPTY.get(query.view, "") if not query.is_narrowed else "No incident fits these filters.",
        }

    def still(self, references: Sequence[str]) -> list[Row]:
        """The incidents of these ids as they are now, wherever they stand: those that have left the view are marked as gone."""
        keys = {
            found.pk for text in references[: paging.PAGE] if (found := parse_reference(text)) and found.pk is not None
        }
        there = set(self._found.filter(pk__in=keys).values_list("pk", flat=True))
        rows = rows_of(for_rows(selectors.listing(self.actor).filter(pk__in=keys)), self.now)
        return [replace(row, gone=row.incident.pk not in there) for row in rows]

    @cached_property
    def _found(self) -> IncidentQuerySet:
        filters = partial(ConsoleFilterSet, user_id=self.user.pk, user_label=self.actor.label)
        return narrow(filters, self.query.params, selectors.listing(self.actor), self.now)  # type: ignore[arg-type]


def board_html(actor: Actor, user: User, query: str, now: datetime) -> str:
    """The board of the list with this query string, as the page includes it: what a socket is answered."""
    board = Board(actor, user, ListQuery(QueryDict(query)), now)
    with timezone.override(ZoneInfo(user.time_zone)):
        return render_to_string("incidents/_board.html", board.context())


_EMPTY = {
    "live": "No incident is live.",
    "mine": "Nothing is with you.",
    "waiting": "Everything is with somebody.",
    "snoozed": "Nothing is snoozed.",
    "ended": "No incident has ended yet.",
}


def frame_context(actor: Actor, user: User, query: ListQuery, now: datetime) -> dict[str, Any]:
    """What stands around the board: tabs with counts, and the filters as they are set."""
    figures = counting.figures(actor, now)
    counts = {
        "live": figures.live,
        "snoozed": figures.snoozed,
        "mine": count_mine(actor, user, now),
    }
    return {
        "figures": figures,
        "heading": HEADINGS.get(query.view, "Incidents"),
        "live": counts["live"],
        "tabs": [
            {"word": word, "label": label, "count": counts.get(word), "url": query.url("status", view=word),
             "current": word == query.view}
            for word, label in TABS
        ],
        "clear_url": query.url(*NARROWING),
        "chips": query.chips(),
        "carried": query.carried(),
        "presets": PRESETS,
        "severities": [(level, level.word in query.params.getlist("severity")) for level in sorted(Severity, reverse=True)],
        "statuses": [(status, status in query.params.getlist("status")) for status in _statuses(query)],
        "services": _services(actor, query.params.get("service", "")),
        "spans": [(word, label, word == query.params.get("last")) for word, (label, _) in SPANS.items()],
        "sorts": [(sort, sort == query.sort) for sort in paging.SORTS.values()],
        "section": "mine" if query.view == "mine" else "incidents",
    }  # fmt: skip


def count_mine(actor: Actor, user: User, now: datetime) -> int:
    """How many are with the person, counted up to 99."""
    filters = ConsoleFilterSet(
        QueryDict("view=mine"), selectors.listing(actor), now=now, user_id=user.pk, user_label=actor.label
    )
    return filters.qs.order_by()[:MAX_MINE].count()


def _statuses(query: ListQuery) -> Iterable[Status]:
    """Those that the tab may show, and any others that were asked for."""
    fitting = {"ended": ENDED, "all": tuple(Status)}.get(query.view, LIVE)
    return [status for status in Status if status in fitting or status in query.params.getlist("status")]


def _services(actor: Actor, chosen: str) -> list[tuple[str, bool]]:
    services = Service.objects.visible_to(actor)
    names = list(services.order_by("name").values_list("name", flat=True).distinct()[:MAX_SERVICES])
    if chosen and chosen not in names:
        names.insert(0, chosen)
    return [(name, name == chosen) for name in names]
