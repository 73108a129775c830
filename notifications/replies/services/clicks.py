"""The use of signed links: shows a link's action, and does it once, as the link's person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from aiops.access.models import User
from incidents.choices import EntryKind
from incidents.core.models import Incident, TimelineEntry
from notifications.delivery.links import BadLink, Link
from notifications.delivery.models import Delivery
from notifications.delivery.verbs import Verb, verb_of
from notifications.replies import words
from notifications.replies.models import UsedLink
from notifications.replies.services.responding import Answered, StaleLink, acting, check_episode, respond


class UsedUp(BadLink):
    """The link was acted on before."""

    code = "used_link"


class AlreadyDone(BadLink):
    """The link was acted on before, and things stand as it wanted them: no error for whoever taps twice."""

    code = "already_done"


class SharedLink(BadLink):
    """The link went to a shared place: nobody knows who reads it there."""

    code = "shared_link"


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is good, the incident it is about and the person whose it is (None: it went to a shared place)."""

    link: Link
    incident: Incident
    user: User | None


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
            raise _used(used, opened, now, argument.strip())
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
            incident, me = answered.incident, opened.user.display_name
            at, by = _first(link.verb, incident)
            if at is not None and by == me and verb_of(link.verb).is_as_wanted(incident, me, now):
                raise _already_done(link.verb, incident, me, at, opened.user)
    return answered


def _opened(link: Link) -> Opened:
    """The link's incident and person; the delivery row must say the same as the link does."""
    delivery = (
        Delivery.objects.filter(pk=link.delivery_id, incident_id=link.incident_id, episode=link.episode)
        .select_related("incident__service", "incident__workspace", "recipient")
        .first()
    )
    if delivery is None or delivery.incident is None or delivery.recipient_id != link.user_id:
        raise StaleLink("What this link was about is gone", details="Look for the incident in the console.")
    return Opened(link, check_episode(delivery), delivery.recipient)


def _used(used: UsedLink, opened: Opened, now: datetime, said: str = "") -> BadLink:
    """Why a link is not acted on again: it is done already, or things have moved on. *said* is what was written this time."""
    verb, incident = opened.link.verb, opened.incident
    lost = said if verb == Verb.NOTE and not _is_noted(incident, said) else ""
    if not lost and verb_of(verb).is_as_wanted(incident, used.used_by, now):
        return _already_done(verb, incident, used.used_by, used.used_at, opened.user)
    why = "What you wrote now was not added: copy it and add it in the console." if lost else ""
    return UsedUp(
        f"This link was used {words.ago(used.used_at, now)}",
        details=why or f"By {used.used_by}. A link is good once: what is to be done now, the console does.",
        data={"incident": incident, "kept": lost},
    )


def _is_noted(incident: Incident, said: str) -> bool:
    return TimelineEntry.objects.filter(incident=incident, kind=EntryKind.NOTE_ADDED, text=said).exists()


def _first(verb: str, incident: Incident) -> tuple[datetime | None, str]:
    """When somebody did the same before, and who, where the incident tells."""
    if verb == Verb.ACKNOWLEDGE:
        return incident.acknowledged_at, incident.acknowledged_by
    return (incident.resolved_at, incident.resolved_by) if verb == Verb.RESOLVE else (None, "")


def _already_done(verb: str, incident: Incident, by: str, at: datetime, user: User | None) -> AlreadyDone:
    local = at.astimezone(ZoneInfo(user.time_zone)) if user is not None else at
    done = "added a note to" if verb == Verb.NOTE else verb_of(verb).done
    return AlreadyDone(
        f"{by} {done} this at {local:%H:%M} {local.tzname()} (you)",
        details=verb_of(verb).then,
        data={"incident": incident},
    )
