"""The what-if page: for a service, a severity and a time it shows who would be notified when, by which channel, and how
it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.kernel.clock import utcnow
from aiops.web.console_view import console_view
from aiops.web.requests import ActorRequest
from incidents.catalogue.models import Service
from incidents.choices import Priority, Severity
from notifications.choices import MACHINES, ChannelKind
from notifications.delivery.contact import NO_MAIL_SERVER
from notifications.escalation.services.whatif import Line, what_if
from notifications.oncall.console.forms import WallField
from notifications.oncall.wall import wall_of

MINUTE = timedelta(minutes=1)
SATURDAY, NIGHT = 5, (3, 10)  # the weekday and the hour at which pagers are put to the test


class WhatIfForm(forms.Form):
    """The question. Every field has an answer of its own when it is left out."""

    service = forms.ModelChoiceField(Service.objects.none(), empty_label=None)
    severity = forms.ChoiceField(choices=[(level.word, level.label) for level in sorted(Severity, reverse=True)])
    priority = forms.ChoiceField(
        required=False, choices=[("", "By severity and service"), *[(p.name, p.name) for p in Priority]]
    )
    at = WallField(label="When")

    def __init__(self, data: QueryDict, *, services: Any) -> None:
        super().__init__(data)
        field: Any = self.fields["service"]
        field.queryset = services
        field.label_from_instance = lambda service: service.name


@dataclass(slots=True)
class Moment:
    """What happens at one moment, level by level."""

    at: datetime
    minutes: int
    title: str
    what: str
    lines: list[Line] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Why somebody is not told, and what is wrong with contact data."""
        if self.what == "announced":  # that says it all
            return []
        return list(dict.fromkeys(line.note for line in self.lines if line.note))

    @property
    def mark(self) -> str:
        """What its rung looks like: somebody hears of it, nobody does, or it only goes on."""
        if self.what == "told":
            return "now" if any(line.is_person or _is_room(line) for line in self.lines) else "bad"
        return "bad" if self.what in ("unreached", "exhausted") else "later"

    @property
    def no_person(self) -> bool:
        """Whether only machines are told."""
        return self.what == "told" and self.mark == "bad"

    @property
    def notified(self) -> list[tuple[str, str]]:
        """Who, and by which kinds of channel; a person's numbers are nobody's business."""
        how: dict[tuple[str, int | None], list[str]] = {}
        for line in self.lines:
            if line.who and line.kind:
                how.setdefault((line.who, line.user_id), []).append(ChannelKind(line.kind).label)
        return [(who, ", ".join(dict.fromkeys(kinds))) for (who, _), kinds in how.items()]


@require_safe
@console_view
def page(request: ActorRequest) -> HttpResponse:
    """Who would be told."""
    actor, user, now = request.actor, request.user, utcnow()
    services = _services(actor)
    form = WhatIfForm(_asked(request.GET, services, user, now), services=services)
    context: dict[str, Any] = {"form": form, "zone": user.time_zone, "section": "escalation"}
    context["no_mail_server"] = NO_MAIL_SERVER
    context["presets"] = presets(ZoneInfo(user.time_zone), now)
    if form.is_valid():
        asked = form.cleaned_data
        lines = what_if(
            actor=actor,
            service_id=asked["service"].pk,
            at=max(asked["at"], now) if asked["at"] + MINUTE > now else asked["at"],  # this minute means now
            severity=Severity[asked["severity"].upper()],
            priority=Priority[asked["priority"]] if asked["priority"] else None,
        )
        context |= {"moments": moments(lines), "asked": asked, "reached": reached(lines)}
    return render(request, "notifications/escalation/what_if.html", context)


def moments(lines: list[Line]) -> list[Moment]:
    """The lines in the order of time, together where they belong together. A later call may come after another's first."""
    found: list[Moment] = []
    for line in sorted(lines, key=lambda line: line.at):
        title = _ending(lines) if line.what == "exhausted" else _TITLES.get(line.what) or line.level
        last = found[-1] if found else None
        if last and (last.at, last.title, last.what) == (line.at, title, line.what):
            last.lines.append(line)
        else:
            found.append(Moment(line.at, line.minutes, title, line.what, [line]))
    return found


def reached(lines: list[Line]) -> str:
    """How many a page would reach: people, then channels at which people may read it; "" when neither."""
    people = len({line.user_id for line in lines if line.is_person})
    rooms = len({line.who for line in lines if _is_room(line)})
    said = [f"{people} {'person' if people == 1 else 'people'}"] if people else []
    return " and ".join([*said, *([f"{rooms} channel{'s' if rooms > 1 else ''}"] if rooms else [])])


def _is_room(line: Line) -> bool:
    return line.what == "told" and line.user_id is None and line.kind not in MACHINES and not line.lacks


def presets(zone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    """Moments worth asking about, on the reader's clock: a label, and what goes into the URL."""
    local = wall_of(now, zone)
    days = (SATURDAY - local.weekday()) % 7 or 7
    night = (local + timedelta(days=days)).replace(hour=NIGHT[0], minute=NIGHT[1])
    tonight = (local + timedelta(days=1)).replace(hour=NIGHT[0], minute=NIGHT[1])
    named = [("Now", local), ("Tonight 03:10", tonight), ("Saturday 03:10", night)]
    return [(label, f"{wall:%Y-%m-%dT%H:%M}") for label, wall in named]


_TITLES = {
    "announced": "Announced by routes",
    "stopped": "Stops",
    "fallback": "Fallback",
}


def _ending(lines: list[Line]) -> str:
    """How a policy runs out: nobody answers, nobody could be reached, or it has nothing for such an incident."""
    told = [line for line in lines if line.what in ("told", "unreached")]
    if not told:
        return "Nobody is paged"
    return "Nobody answered" if reached(lines) else "Nobody could be reached"


def _services(actor: Actor) -> Any:
    rows = Service.objects.visible_to(actor)
    return rows.order_by("-is_default", "name")


def _asked(params: QueryDict, services: Any, user: User, now: datetime) -> QueryDict:
    """The question with what was left out filled in: the first service, critical, now."""
    data = params.copy()
    if not data.get("service") and (first := services.first()) is not None:
        data["service"] = str(first.pk)
    data["severity"] = data.get("severity") or Severity.CRITICAL.word
    if not data.get("at"):
        data["at"] = f"{wall_of(now, ZoneInfo(user.time_zone)):%Y-%m-%dT%H:%M}"
    return data
