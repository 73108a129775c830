"""Template context of the pages of one incident and of one of its alerts."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from aiops.access.actors import Actor, Role
from aiops.access.models import User
from aiops.kernel.errors import NotFound
from incidents.choices import LIVE, Priority, Status
from incidents.core import selectors
from incidents.core.models import Alert, Incident, TimelineEntry
from incidents.core.timeline import Entry
from incidents.response.console.actions import buttons_of
from incidents.response.console.forms import PRESETS
from incidents.response.console.rows import look_of, next_of_all, who_has
from incidents.response.console.story import Line, Step, line_of, steps_of
from incidents.response.slots import PANELS

ALERTS = 10  # on the page; the latest
ENTRIES = 300  # on the page; the latest
MEMBERS = 200  # in the picker
PAYLOAD = 64 * 1024  # characters of a payload that are shown


def detail_context(actor: Actor, user: User, incident: Incident, now: datetime) -> dict[str, Any]:
    """Everything that the page of *incident* shows."""
    status = Status(incident.status)
    may_act = actor.may(Role.OPERATOR, incident.workspace_id)
    shown, rare = buttons_of(status) if may_act else ([], [])
    alerts = selectors.alerts(incident, ALERTS)
    latest = alerts[0] if alerts else None
    following = next_of_all([incident], now)
    return {
        "incident": incident,
        "look": look_of(incident, now),
        "is_snoozed": incident.is_snoozed(now),
        "next": following[incident.pk],
        "panels": PANELS.load([incident.pk], now=now, incidents={incident.pk: incident}, following=following).get(
            incident.pk, []
        ),
        "who": who_has(incident),
        "is_mine": incident.assignee_id == user.pk,
        "lasted": _duration((incident.resolved_at or now) - incident.created_at),
        "may_act": may_act,
        "buttons": shown,
        "rare_buttons": rare,
        "presets": PRESETS,
        "priorities": Priority,
        "members": _members(incident) if may_act else [],
        "days": _days(selectors.timeline(incident, ENTRIES)),
        "alerts": alerts,
        "is_live": status in LIVE,
        "status_open": status == Status.OPEN,
        "steps": steps_of(latest.trace, _names(incident, latest)) if latest else [],
        "latest": latest,
        "labels": sorted(incident.labels.items()) if isinstance(incident.labels, dict) else [],
        "links": [link for link in incident.links if _is_safe(link)] if isinstance(incident.links, list) else [],
        "metric": sorted(incident.metric.items()) if isinstance(incident.metric, dict) else [],
        "page_url": reverse("console-incident", args=[incident.public_id]),
        "section": "incidents",
    }


@dataclass(frozen=True, slots=True)
class DatedLine:
    """A line of the timeline and when it happened."""

    at: datetime
    line: Line
    pk: int


def _days(entries: list[TimelineEntry]) -> list[DatedLine]:
    return [DatedLine(entry.at, line_of(Entry.of(entry)), entry.pk) for entry in entries]


def _members(incident: Incident) -> list[User]:
    people = User.objects.filter(
        Q(memberships__workspace_id=incident.workspace_id) | Q(is_superuser=True), is_active=True
    )
    return list(people.distinct().order_by("username")[:MEMBERS])


def _names(incident: Incident, alert: Alert) -> dict[str, str]:
    names = {f"service_id:{incident.service_id}": incident.service.name}
    if incident.source is not None:
        names[f"source_id:{incident.source_id}"] = incident.source.name
    return names


def _is_safe(link: Any) -> bool:
    """Only web addresses become links: an alert may say ``javascript:…``."""
    return isinstance(link, dict) and str(link.get("href", "")).lower().startswith(("http://", "https://"))


def _duration(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return f"{max(0, int(span.total_seconds()))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"


def alert_of(incident: Incident, alert_id: UUID) -> Alert:
    """The alert of an incident; ``NotFound`` when it is none of this incident's."""
    alert = Alert.objects.filter(incident=incident, id=alert_id).order_by("-received_at").first()
    if alert is None:
        raise NotFound("Alert not found")
    return alert


@dataclass(frozen=True, slots=True)
class Payload:
    """A raw body as text: indented if it is JSON, cut to what a page can show."""

    text: str
    size: int
    is_json: bool
    is_cut: bool


def payload_of(raw: bytes | memoryview) -> Payload:
    """*raw* for reading. Bytes that are no text are shown as replacement characters, never refused."""
    body = bytes(raw)
    text, is_json = body.decode("utf-8", "replace"), False
    with suppress(ValueError, RecursionError):  # no JSON: shown as it came
        text, is_json = json.dumps(json.loads(body), indent=2, ensure_ascii=False), True
    text = text.replace("\0", "␀").encode("utf-8", "replace").decode()
    return Payload(text[:PAYLOAD], len(body), is_json, len(text) > PAYLOAD)


def alert_context(incident: Incident, alert: Alert) -> dict[str, Any]:
    """What the page of an alert shows."""
    steps: list[Step] = steps_of(alert.trace, _names(incident, alert))
    return {
        "incident": incident, "alert": alert, "steps": steps, "payload": payload_of(alert.raw), "section": "incidents",
        "page_url": reverse("console-incident", args=[incident.public_id]),
    }  # fmt: skip
