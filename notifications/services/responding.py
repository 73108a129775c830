"""Answers to pages, from wherever they come. One answer is one verb of incidents, done as the person who gave it.

Refusals keep their kernel types; what is no error but overtaken (somebody was first) comes back as an :class:`Answered` that was
not done, with the sentence that says who.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from aiops.access.actors import Actor, Role
from aiops.access.models import User
from aiops.access.people import actor_for_user
from aiops.access.services.workspaces import narrowed
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from incidents.models import Incident
from incidents.services import incidents
from notifications.choices import ChannelKind
from notifications.models import Delivery, UsedLink
from notifications.responding import commands, words
from notifications.responding.links import BadLink, Link
from notifications.responding.verbs import Verb

DONE = {
    Verb.ACKNOWLEDGE: "acknowledged",
    Verb.RESOLVE: "resolved",
    Verb.ESCALATE: "escalated",
    Verb.SNOOZE: "snoozed",
    Verb.NOTE: "noted",
}
PUBLIC_ID = re.compile(r"dlv-([0-9a-f]{8,15})")
DEFAULT_SNOOZE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an answer. *done* False: it was overtaken. *said*: one sentence for whoever answered."""

    incident: Incident
    done: bool
    said: str


class UsedUp(BadLink):
    """The link was acted on before."""

    code = "used_link"


class StaleLink(BadLink):
    """What the link was about is over, or is not what it was."""

    code = "stale_link"


class SharedLink(BadLink):
    """The link went to a shared place: nobody knows who reads it there."""

    code = "shared_link"


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is good, the incident it is about and the person whose it is (None: it went to a shared place)."""

    link: Link
    incident: Incident
    user: User | None


def respond(*, user: User, incident_id: int, verb: Verb, now: datetime, argument: str = "", via: str = "") -> Answered:
    """Do *verb* as *user*. *argument* is the note, the reason, the resolution or the duration; *via* is where it came from
    ("Slack"), for the timeline.

    Raises ``NotFound`` and ``NotPermitted`` (left, deactivated, role lost), ``InvalidInput``.
    """
    incident = Incident.objects.select_related("service", "workspace").filter(pk=incident_id).first()
    if incident is None:
        raise NotFound("Incident not found")
    actor = acting(user, incident.workspace_id)
    try:
        VERBS[verb](
            {"actor": actor, "incident_id": incident_id, "now": now}, argument.strip(), f"From {via}" if via else ""
        )
    except Conflict:
        incident.refresh_from_db()
        return Answered(incident, False, f"{incident.name}: {words.state(incident, now)}")
    incident.refresh_from_db()
    return Answered(incident, True, f"{incident.name} {_done(verb, incident, now)}.")


def acting(user: User, workspace_id: int) -> Actor:
    """*user* as the actor that may answer in the workspace, and nowhere else; raises ``NotPermitted``."""
    actor = narrowed(actor_for_user(user), workspace_id)
    if not actor.may(Role.OPERATOR, workspace_id):
        raise NotPermitted(
            "You may not answer for this workspace",
            details="Answering takes an active account with the role operator or admin in it.",
        )
    return actor


def open_link(link: Link, now: datetime) -> Opened:
    """What *link* is about, if it still is; changes nothing. Raises :class:`BadLink` and ``NotPermitted``."""
    link.check_age(now)
    opened = _opened(link)
    if opened.user is not None:
        acting(opened.user, opened.incident.workspace_id)
        if used := UsedLink.objects.filter(digest=link.digest).first():
            raise _used(used, opened, now)
    return opened


def use_link(link: Link, argument: str, now: datetime) -> Answered:
    """Do what *link* says, once, as the person whose it is; it stays good when somebody else was first.

    Raises :class:`BadLink`, ``NotPermitted``, ``InvalidInput``.
    """
    link.check_age(now)
    with transaction.atomic():
        opened = _opened(link)
        if opened.user is None:
            raise SharedLink(
                "This link went to a shared place", details="Sign in to answer, so that it is known who did."
            )
        acting(opened.user, opened.incident.workspace_id)
        used, fresh = UsedLink.objects.get_or_create(
            digest=link.digest, defaults={"used_at": now, "used_by": opened.user.display_name[:254]}
        )
        if not fresh:
            raise _used(used, opened, now)
        answered = respond(
            user=opened.user,
            incident_id=opened.incident.pk,
            verb=link.verb,
            now=now,
            argument=argument,
            via="a link",
        )
        if not answered.done:
            used.delete()
    return answered


def incident_of(public_id: str, workspace_id: int) -> Incident:
    """The incident that a delivery (``dlv-…``) of the workspace is about. Raises ``NotFound``, and :class:`StaleLink` when it was
    reopened since."""
    return _told(_delivery(public_id, workspace_id))


def by_delivery(public_id: str, workspace_id: int, verb: Verb, now: datetime, via: str) -> Answered:
    """Do *verb* to a delivery's incident as the person whose delivery it is. Raises ``NotPermitted`` for a shared destination,
    and what :func:`incident_of` and :func:`respond` raise."""
    delivery = _delivery(public_id, workspace_id)
    incident = _told(delivery)
    if delivery.recipient is None:
        raise NotPermitted("This is a shared destination, and nobody knows who answers there")
    return respond(user=delivery.recipient, incident_id=incident.pk, verb=verb, now=now, via=via)


def learn_reference(public_id: str, workspace_id: int, kind: ChannelKind, ref: str) -> None:
    """A provider tells of a delivery before we have read what it calls it: note that, where nothing is noted yet."""
    if (pk := delivery_pk(public_id)) is not None:
        waiting = Delivery.objects.filter(pk=pk, workspace_id=workspace_id, kind=kind, provider_ref="")
        waiting.update(provider_ref=ref)


def delivery_pk(public_id: str) -> int | None:
    """The row of a delivery's public id; None when it is none."""
    found = PUBLIC_ID.fullmatch(public_id)
    return int(found[1], 16) if found else None


def first_time(digest: str, by: str, now: datetime) -> bool:
    """Whether *digest* (of a signed request) is seen for the first time; remembers it for as long as used links."""
    return UsedLink.objects.get_or_create(digest=digest, defaults={"used_at": now, "used_by": by[:254]})[1]


def _delivery(public_id: str, workspace_id: int) -> Delivery:
    found = Delivery.objects.filter(pk=delivery_pk(public_id) or 0, workspace_id=workspace_id, incident__isnull=False)
    delivery = found.select_related("incident__service", "incident__workspace", "recipient").first()
    if delivery is None:
        raise NotFound("There is no such message")
    return delivery


def _told(delivery: Delivery) -> Incident:
    """The incident of a delivery, which must still be in the episode that the delivery was about."""
    incident = delivery.incident
    if incident is None or incident.episode != delivery.episode:
        name = incident.name if incident else "The incident"
        raise StaleLink(
            f"{name} was reopened after this message",
            details="Use the links in the message that you got since, or the console.",
        )
    return incident


def _opened(link: Link) -> Opened:
    """The link's incident and person; the delivery row must say the same as the link does."""
    delivery = (
        Delivery.objects.filter(pk=link.delivery_id, incident_id=link.incident_id, episode=link.episode)
        .select_related("incident__service", "incident__workspace", "recipient")
        .first()
    )
    if delivery is None or delivery.incident is None or delivery.recipient_id != link.user_id:
        raise StaleLink("What this link was about is gone", details="Look for the incident in the console.")
    return Opened(link, _told(delivery), delivery.recipient)


def _used(used: UsedLink, opened: Opened, now: datetime) -> UsedUp:
    return UsedUp(
        f"This link was used {words.ago(used.used_at, now)}",
        details=f"By {used.used_by}. A link is good once; the console shows where things stand.",
        data={"incident": opened.incident},
    )


def _done(verb: Verb, incident: Incident, now: datetime) -> str:
    if verb == Verb.SNOOZE and incident.snoozed_until:
        return f"snoozed for {words.span(incident.snoozed_until - now, 2)}"
    return "has your note" if verb == Verb.NOTE else DONE[verb]


On = dict[str, Any]  # actor, incident_id, now


def _acknowledge(on: On, argument: str, via: str) -> None:
    incidents.acknowledge(**on, message=argument or via)


def _resolve(on: On, argument: str, via: str) -> None:
    incidents.resolve(**on, resolution=argument or via)


def _escalate(on: On, argument: str, via: str) -> None:
    incidents.escalate(**on, reason=argument or via)


def _snooze(on: On, argument: str, via: str) -> None:
    duration, reason = commands.duration_and_rest(argument)
    if argument and duration is None:
        raise InvalidInput("Say for how long, such as “snooze 2h”", field="duration")
    incidents.snooze(**on, duration=duration or DEFAULT_SNOOZE, reason=reason or via)


def _note(on: On, argument: str, via: str) -> None:
    if not argument:
        raise InvalidInput("Write the note after the word, such as “note looking at the logs”", field="note")
    incidents.add_note(**on, content=argument)


VERBS: dict[Verb, Callable[[On, str, str], None]] = {
    Verb.ACKNOWLEDGE: _acknowledge,
    Verb.RESOLVE: _resolve,
    Verb.ESCALATE: _escalate,
    Verb.SNOOZE: _snooze,
    Verb.NOTE: _note,
}
