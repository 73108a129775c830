"""Replies to pages, from any channel: one verb on all incidents of the message, done as the person who replied.

Refusals are kernel errors. A reply that somebody else overtook is no error: it comes back as an :class:`Answered` that
was not done, with a sentence that names the other person.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from aiops.access.actors import Actor, Role
from aiops.access.models import User
from aiops.access.people import actor_for_user
from aiops.access.services.workspaces import narrowed
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from incidents.choices import ENDED, Status
from incidents.core.models import Incident
from notifications.choices import ChannelKind
from notifications.delivery.links import BadLink
from notifications.delivery.models import Delivery
from notifications.delivery.services import reply_codes
from notifications.delivery.verbs import ReplyVerb, Verb, verb_of
from notifications.replies import words
from notifications.replies.models import UsedLink

NOTHING = "Nothing was done."
NAMED = 10  # incidents that a sentence names; the rest is counted
PUBLIC_ID = re.compile(r"dlv-([0-9a-f]{8,15})")


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an answer. *said* is one sentence for the person who answered. *done* False: it was overtaken, and *late* says
    by what ("already resolved")."""

    incident: Incident
    done: bool
    said: str
    late: str = ""


class StaleLink(BadLink):
    """What the link was about is over, or is not what it was."""

    code = "stale_link"


def respond(*, user: User, incident_id: int, verb: str, now: datetime, argument: str = "", via: str = "") -> Answered:
    """Do *verb* (the word of a registered one) as *user*. *argument* is the note, the reason, the resolution or the duration;
    *via* is where it came from ("Slack"), for the timeline.

    Raises ``NotFound`` and ``NotPermitted`` (left, deactivated, role lost), ``InvalidInput``.
    """
    incident = Incident.objects.select_related("service", "workspace").filter(pk=incident_id).first()
    if incident is None:
        raise NotFound("Incident not found")
    actor, chosen = acting(user, incident.workspace_id), verb_of(verb)
    on = {"actor": actor, "incident_id": incident_id, "now": now}
    try:
        chosen.act(on, argument.strip(), f"From {via}" if via else "")
    except Conflict as refused:
        incident.refresh_from_db()
        if not chosen.moves_status:
            why = refused.message.rstrip(".")
            return Answered(incident, False, f"{incident.name}: {why}.", f"left alone ({why})")
        return Answered(incident, False, f"{incident.name}: {words.state(incident, now)}", _already(incident))
    incident.refresh_from_db()
    return Answered(incident, True, f"{incident.name} {_done(chosen, incident, now)}.")


def respond_all(
    user: User, found: Sequence[Incident], verb: str, now: datetime, *, argument: str = "", via: str = ""
) -> list[Answered]:
    """Do *verb* to all of *found*, or to none: the first refusal undoes the others. Raises what :func:`respond` raises."""
    answers: dict[int, Answered] = {}
    with transaction.atomic():
        for pk in sorted(incident.pk for incident in found):  # incidents are locked in one order everywhere
            answers[pk] = respond(user=user, incident_id=pk, verb=verb, now=now, argument=argument, via=via)
    return [answers[incident.pk] for incident in found]


def summary(verb: str, answers: Sequence[Answered], now: datetime) -> list[str]:
    """What was done, to what, and what happens next, as sentences; and plainly when nothing was done."""
    done = [answer.incident for answer in answers if answer.done]
    if len(answers) == 1:
        said = answers[0].said
        return [said, *_next(verb, done)] if done else [f"{NOTHING} {said}"]
    late = Counter(answer.late for answer in answers if not answer.done)
    others = ", ".join(f"{count} {'was' if count == 1 else 'were'} {what}" for what, count in late.items())
    if not done:
        return [f"{NOTHING} Of {len(answers)}, {others}."]
    names = ", ".join(incident.name for incident in done[:NAMED])
    more = f" and {len(done) - NAMED} more" if len(done) > NAMED else ""
    chosen = verb_of(verb)
    what = " ".join(filter(None, [chosen.done.capitalize(), str(len(done)), chosen.detail(done[0], now)]))
    return [
        f"{what}: {names}{more}{f'; {others}' if others else ''}.",
        *_next(verb, done),
    ]


def _next(verb: str, done: Sequence[Incident]) -> list[str]:
    """What happens next."""
    if verb != Verb.NOTE:
        said = verb_of(verb).then
        return [said if len(done) == 1 else said.replace("You have it", "You have them")] if said else []
    unowned = sum(incident.status == Status.OPEN for incident in done)
    if not unowned:
        return []
    what = "it" if len(done) == 1 else f"{unowned} of them"
    return [f"Nobody has acknowledged {what}: answer “ack” to take {'it' if unowned == 1 else 'them'}."]


def _already(incident: Incident) -> str:
    if incident.status in ENDED:
        return "already resolved"
    return f"already {Status(incident.status).label.lower()} by {incident.acknowledged_by or 'somebody'}"


def acting(user: User, workspace_id: int) -> Actor:
    """*user* as the actor that may answer in the workspace, and nowhere else; raises ``NotPermitted``."""
    actor = narrowed(actor_for_user(user), workspace_id)
    if not actor.may(Role.OPERATOR, workspace_id):
        raise NotPermitted(
            "You may not answer for this workspace",
            details="Answering takes an active account with the role operator or admin in it.",
        )
    return actor


def incidents_of_message(public_id: str, workspace_id: int) -> Sequence[Incident]:
    """All that a message (``dlv-…``) of the workspace told of. Raises ``NotFound`` and what :func:`asked_in` raises."""
    return asked_in(_delivery(public_id, workspace_id))


def asked_in(delivery: Delivery) -> Sequence[Incident]:
    """The incidents that an answer to a message takes: all that it told of and that were not reopened since.

    Raises :class:`StaleLink` when all of them were, and ``InvalidInput`` when it told of more than one answer takes.
    """
    carried = reply_codes.carried(delivery)
    if not carried and (delivery.digest_id is not None or delivery.bundled.exists()):
        raise InvalidInput(
            "That message told of too many incidents to answer at once", details="Answer in the console."
        )
    rows = carried or [delivery]
    found = [row.incident for row in rows if row.incident is not None and row.incident.episode == row.episode]
    if not found:
        name = rows[0].incident.name if len(rows) == 1 and rows[0].incident is not None else "What it told of"
        raise StaleLink(
            f"{name} was reopened after this message",
            details="Answer the message that you got since, or use the console.",
        )
    return found


def by_delivery(public_id: str, workspace_id: int, verb: str, now: datetime, via: str) -> list[str]:
    """Do *verb* to all that a message told of, as the person whose message it is, and say what came of it. Raises
    ``NotPermitted`` for a shared destination, and what :func:`incidents_of_message` and :func:`respond` raise."""
    delivery = _delivery(public_id, workspace_id)
    found = asked_in(delivery)
    if delivery.recipient is None:
        raise NotPermitted("This is a shared destination, and nobody knows who answers there")
    return summary(verb, respond_all(delivery.recipient, found, verb, now, via=via), now)


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


def check_episode(delivery: Delivery) -> Incident:
    """The incident of a delivery, which must still be in the episode that the delivery was about."""
    incident = delivery.incident
    if incident is None or incident.episode != delivery.episode:
        name = incident.name if incident else "The incident"
        raise StaleLink(
            f"{name} was reopened after this message",
            details="Use the links in the message that you got since, or the console.",
        )
    return incident


def _done(verb: ReplyVerb, incident: Incident, now: datetime) -> str:
    if verb.word == Verb.NOTE:
        return "has your note"
    return " ".join(filter(None, [verb.done, verb.detail(incident, now)]))
