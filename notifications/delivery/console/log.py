"""The delivery log: reads the filters from the URL, narrows the rows, paginates by key, prepares the template context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.urls import reverse

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.api.params import asked
from aiops.kernel.errors import InvalidInput
from incidents.core import selectors
from incidents.response.console.filters import SPANS
from incidents.response.console.paging import PAGE
from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.delivery.models import Delivery
from notifications.delivery.selectors.colleagues import colleagues
from notifications.querysets import DeliveryQuerySet

NARROWING = ("state", "kind", "purpose", "person", "destination", "incident", "last")
CURSORS = ("after", "before")
LONGEST_ID = 15  # hex digits
# The tabs: what one looks for when something is wrong comes second.
TABS = (
    ("", "All", ()),
    ("trouble", "In trouble", (DeliveryState.FAILED_TEMPORARY, DeliveryState.FAILED_PERMANENT)),
    ("waiting", "On their way", (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED_TEMPORARY)),
    ("told", "Sent", (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ)),
    ("unsent", "Not sent", (DeliveryState.SUPPRESSED,)),
)
VIEWS = {word: states for word, _, states in TABS}


class LogQuery:
    """The state of a log page. Raises ``InvalidInput`` naming the parameter that can't be read."""

    def __init__(self, params: QueryDict) -> None:
        self.params = asked(params, ("view", *NARROWING, *CURSORS), ("state",))
        self.view = self._word("view", VIEWS)
        self.states = [_one_of("state", word, DeliveryState.values) for word in self.params.getlist("state") if word]
        self.kind = self._word("kind", ChannelKind.values)
        self.purpose = self._word("purpose", Purpose.values)
        self.last = self._word("last", SPANS)
        self.person = self.params.get("person", "")
        if self.person not in ("", "me", "shared") and not (self.person.isdecimal() and len(self.person) < 19):
            raise InvalidInput("person must be me, shared, or the number of a person", field="person")
        self.destination = self.params.get("destination", "")
        if self.destination and not (self.destination.isdecimal() and len(self.destination) < 19):
            raise InvalidInput("destination must be the number of a destination", field="destination")
        self.incident = self.params.get("incident", "")
        self.after, self.before = (_cursor(name, self.params.get(name, "")) for name in CURSORS)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the tab was asked for."""
        return any(name in self.params for name in NARROWING)

    @property
    def without_incident(self) -> str:
        """The same for all incidents."""
        return self.url("incident")

    @property
    def without_destination(self) -> str:
        """The same for all destinations."""
        return self.url("destination")

    @property
    def more_states(self) -> list[tuple[str, str, str]]:
        """The states that the picker has no room for: word, label, and the log without it."""
        return [(word, DeliveryState(word).label, self._without_state(word)) for word in self.states[1:]]

    def _without_state(self, word: str) -> str:
        params = self.params.copy()
        params.setlist("state", [other for other in self.states if other != word])
        return f"{reverse('console-deliveries')}?{params.urlencode(safe=':,')}"

    def url(self, *drop: str, **changes: str) -> str:
        """The log with some parameters dropped and others set; cursors never survive a change."""
        params = self.params.copy()
        for name in (*CURSORS, *drop):
            params.pop(name, None)
        for name, value in changes.items():
            if value:
                params[name] = value
            else:
                params.pop(name, None)
        query = params.urlencode(safe=":,")
        return reverse("console-deliveries") + (f"?{query}" if query else "")

    def narrow(self, rows: DeliveryQuerySet, actor: Actor, user: User, now: datetime) -> DeliveryQuerySet:
        """*rows* as the URL asks for them. Raises ``NotFound`` for an incident that the actor may not know of."""
        if self.view:
            rows = rows.filter(state__in=VIEWS[self.view])
        if self.states:
            rows = rows.filter(state__in=self.states)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.purpose:
            rows = rows.filter(purpose=self.purpose)
        if self.person:
            rows = rows.filter(_whose(self.person, user))
        if self.destination:
            rows = rows.filter(destination_id=int(self.destination))
        if self.incident:
            rows = rows.filter(incident=selectors.incident_for(actor, self.incident))
        if self.last:
            rows = rows.filter(created_at__gte=now - SPANS[self.last][1])
        return rows

    def _word(self, name: str, words: Any) -> str:
        word = self.params.get(name, "")
        return _one_of(name, word, words) if word else ""


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of the log. *place*: the destination's name where it is the reader's business. *about*: what a notice says,
    to whom it is for."""

    delivery: Delivery
    who: str
    place: str
    about: str = ""


def log_context(actor: Actor, user: User, query: LogQuery, now: datetime) -> dict[str, Any]:
    """What the log shows; four queries for any number of rows."""
    along = Delivery.objects.filter(digest_id=OuterRef("pk"))
    rows = Delivery.objects.visible_to(actor).annotate(carries=Exists(along))
    rows = rows.select_related("incident", "recipient", "destination")
    rows = query.narrow(rows, actor, user, now).defer("incident__description", "incident__labels")
    found, after, before = _page(rows, query)
    people = [(person, str(person.pk) == query.person) for person in colleagues(actor)]
    return {
        "lines": [line_of(row, user) for row in found],
        "query": query,
        "next_url": query.url(after=after) if after else "",
        "previous_url": query.url(before=before) if before else "",
        "first_url": query.url() if before else "",
        "size": PAGE,
        "tabs": [
            {"label": label, "url": query.url("state", view=word), "current": word == query.view}
            for word, label, _ in TABS
        ],
        "states": [(state, state in query.states[:1]) for state in DeliveryState],
        "kinds": [(kind, kind == query.kind) for kind in ChannelKind],
        "purposes": [(purpose, purpose == query.purpose) for purpose in Purpose],
        "people": people,
        "unlisted": query.person.isdecimal() and not any(chosen for _, chosen in people),
        "spans": [(word, label, word == query.last) for word, (label, _) in SPANS.items()],
        "clear_url": query.url(*NARROWING),
        "now": now,
        "section": "deliveries",
    }


def line_of(delivery: Delivery, user: User) -> Line:
    """A row, without the address of somebody else."""
    mine = delivery.purpose == Purpose.OWNER_NOTICE and delivery.recipient_id == user.pk
    about = str(delivery.data.get("subject", "")) if mine else ""
    return Line(delivery, who_of(delivery), place_of(delivery, user), about)


def who_of(delivery: Delivery) -> str:
    """Who it is for: a person, or what a shared destination is called."""
    if delivery.recipient is not None:
        return delivery.recipient.display_name
    if delivery.destination is not None:
        return delivery.destination.label
    return "nobody"


def place_of(delivery: Delivery, user: User) -> str:
    """The destination's name: of a shared one, or one's own; that of another's is nobody's business."""
    destination = delivery.destination
    if destination is None or delivery.recipient_id is None:
        return ""
    return destination.label if destination.owner_id == user.pk else ""


def _page(rows: DeliveryQuerySet, query: LogQuery) -> tuple[Sequence[Delivery], str, str]:
    """The rows of a page, newest first, and the cursors of its neighbours ("": there is none)."""
    if query.before and not query.after:
        found = list(rows.filter(pk__gt=query.before).order_by("pk")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return found, _mark(found[-1]) if found else "", _mark(found[0]) if found and more else ""
    if query.after:
        rows = rows.filter(pk__lt=query.after)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    return found, _mark(found[-1]) if more else "", _mark(found[0]) if found and query.after else ""


def _mark(delivery: Delivery) -> str:
    return f"{delivery.pk:x}"


def _cursor(name: str, text: str) -> int:
    try:
        pk = int(text or "0", 16)
    except ValueError:
        pk = -1
    if pk < 0 or len(text) > LONGEST_ID:
        raise InvalidInput(f"{name} is no cursor of this list; start from its first page", field=name)
    return pk


def _one_of(name: str, word: str, words: Any) -> str:
    if word not in words:
        known = ", ".join(filter(None, map(str, words)))
        raise InvalidInput(f"{name} must be one of: {known} (not '{word[:40]}')", field=name)
    return word


def _whose(person: str, user: User) -> Q:
    if person == "shared":
        return Q(recipient__isnull=True)
    return Q(recipient_id=user.pk if person == "me" else int(person))
