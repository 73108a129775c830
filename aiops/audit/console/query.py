"""The audit page's state is its URL: reads it, narrows the rows, pages by key, prepares what the template shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse

from aiops.access.actors import Actor
from aiops.api.params import asked
from aiops.audit.facts import Door
from aiops.audit.models import AuditEvent, AuditEventQuerySet
from aiops.audit.verbs import known_verbs
from aiops.kernel.errors import InvalidInput

PAGE = 50  # rows
LONGEST_ID = 15  # hex digits of a cursor
SPANS = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last 24 hours", timedelta(days=1)),
    "week": ("Last 7 days", timedelta(days=7)),
    "month": ("Last 30 days", timedelta(days=30)),
}
NARROWING = ("verb", "actor", "door", "last", "object")
CURSORS = ("after", "before")


class AuditQuery:
    """What the URL asks for. Raises ``InvalidInput`` naming the parameter that can't be read."""

    def __init__(self, params: QueryDict) -> None:
        self.params = asked(params, (*NARROWING, *CURSORS))
        self.verb = self.params.get("verb", "")
        self.actor = self.params.get("actor", "").strip()
        self.door = self._word("door", Door)
        self.last = self._word("last", SPANS)
        self.object = self.params.get("object", "")
        self.kind, _, self.id = self.object.partition(":")
        if self.object and not (self.kind and self.id):
            raise InvalidInput("object must be a kind and an id, such as incident:42", field="object")
        self.after, self.before = (_cursor(name, self.params.get(name, "")) for name in CURSORS)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything was asked for."""
        return any(name in self.params for name in NARROWING)

    def url(self, *drop: str, **changes: str) -> str:
        """The page with some parameters dropped and others set; cursors never survive a change."""
        params = self.params.copy()
        for name in (*CURSORS, *drop):
            params.pop(name, None)
        for name, value in changes.items():
            params[name] = value
        query = params.urlencode(safe=":")
        return reverse("console-audit") + (f"?{query}" if query else "")

    @property
    def without_object(self) -> str:
        """The same for all objects."""
        return self.url("object")

    @property
    def cleared(self) -> str:
        """The page without filters."""
        return self.url(*NARROWING)

    def narrow(self, rows: AuditEventQuerySet, now: datetime) -> AuditEventQuerySet:
        """*rows* as the URL asks for them."""
        if self.verb:
            rows = rows.filter(verb=self.verb)
        if self.actor:
            rows = rows.filter(actor_label__icontains=self.actor)
        if self.door:
            rows = rows.filter(door=self.door)
        if self.last:
            rows = rows.filter(at__gte=now - SPANS[self.last][1])
        if self.object:
            own = Q(object_kind=self.kind, object_id=self.id)
            is_incident = self.kind == "incident" and self.id.isdecimal() and len(self.id) < 19
            rows = rows.filter(own | Q(incident_id=int(self.id)) if is_incident else own)
        return rows

    def _word(self, name: str, words: Any) -> str:
        word = self.params.get(name, "")
        if word and word not in list(words):
            known = ", ".join(map(str, words))
            raise InvalidInput(f"{name} must be one of: {known} (not '{word[:40]}')", field=name)
        return word


@dataclass(frozen=True, slots=True)
class Change:
    """One value of an event: what it was and what it is, as text."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One event, ready to be shown."""

    event: AuditEvent
    did: str
    changes: tuple[Change, ...]
    history_url: str


def page_context(actor: Actor, query: AuditQuery, now: datetime) -> dict[str, Any]:
    """What the page shows; one query for any number of rows."""
    rows = query.narrow(AuditEvent.objects.visible_to(actor), now)
    found, after, before = _page(rows, query)
    return {
        "lines": [_line(event, query) for event in found],
        "query": query,
        "verbs": [(verb, words(verb), verb == query.verb) for verb in sorted({*known_verbs(), query.verb} - {""})],
        "doors": [(door, door == query.door) for door in Door],
        "spans": [(word, label, word == query.last) for word, (label, _) in SPANS.items()],
        "next_url": query.url(after=after) if after else "",
        "previous_url": query.url(before=before) if before else "",
        "first_url": query.url() if before else "",
        "size": PAGE,
        "section": "audit",
    }


def words(verb: str) -> str:
    """A verb as people read it: "escalation policy: set enabled"."""
    kind, _, did = verb.partition(".")
    return f"{kind.replace('_', ' ')}: {did.replace('_', ' ')}"


def _line(event: AuditEvent, query: AuditQuery) -> Line:
    was, becomes = event.before or {}, event.after or {}
    changes = tuple(
        Change(name.replace("_", " "), _text(was, name), _text(becomes, name)) for name in {**was, **becomes}
    )
    return Line(event, words(event.verb), changes, query.url(object=f"{event.object_kind}:{event.object_id}"))


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _page(rows: AuditEventQuerySet, query: AuditQuery) -> tuple[Sequence[AuditEvent], str, str]:
    """The rows of a page, newest first, and the cursors of its neighbours ("": there is none)."""
    if query.before and not query.after:
        found = list(rows.filter(pk__gt=query.before).order_by("pk")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return found, f"{found[-1].pk:x}" if found else "", f"{found[0].pk:x}" if found and more else ""
    if query.after:
        rows = rows.filter(pk__lt=query.after)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    return found, f"{found[-1].pk:x}" if more else "", f"{found[0].pk:x}" if found and query.after else ""


def _cursor(name: str, text: str) -> int:
    try:
        pk = int(text or "0", 16)
    except ValueError:
        pk = -1
    if pk < 0 or len(text) > LONGEST_ID:
        raise InvalidInput(f"{name} is no cursor of this list; start from its first page", field=name)
    return pk
