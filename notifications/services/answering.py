"""Commands that people type, from a phone, a chat or a mail: which incidents they mean, and what came of it, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.kernel.errors import DomainError, InvalidInput, NotFound
from incidents.choices import LIVE, Severity, Status
from incidents.models import Incident
from incidents.querysets import IncidentQuerySet
from notifications.choices import TOLD, Purpose
from notifications.models import Delivery
from notifications.responding import words
from notifications.responding.commands import Command
from notifications.responding.verbs import Verb
from notifications.selectors.current import current
from notifications.services.responding import Answered, acting, respond

NAMED = 10  # incidents in a list; the rest is counted
MOST = 200  # incidents that one "all" reaches
ASKED = (Purpose.PAGE, Purpose.FALLBACK, Purpose.ANNOUNCE)
HELP = (
    "ack, resolve, escalate, snooze 2h, note … with the number or name of an incident: “12 ack”, “resolve INC-20260319-001”.",
    "“ack all” takes all that you were told of. “list”, “oncall”, “help”.",
)


def obey(*, user: User, workspace_id: int, command: Command, now: datetime, via: str) -> list[str]:
    """Do what *user* typed, in one workspace. Always answers in sentences: a refusal is one of them.

    Raises nothing that a caller should tell in another way.
    """
    try:
        actor = acting(user, workspace_id)
        if command.verb is None:
            return OTHERS.get(command.other, _help)(actor, now)
        found = meant(actor, user, workspace_id, command)
        answers = [
            respond(user=user, incident_id=incident.pk, verb=command.verb, now=now, argument=command.text, via=via)
            for incident in found
        ]
    except DomainError as refused:
        return [sentence(refused)]
    return _summary(answers)


def sentence(refused: DomainError) -> str:
    """A refusal as people read it."""
    return f"{refused.message.rstrip('.')}.{f' {refused.details}' if refused.details else ''}"


def meant(actor: Actor, user: User, workspace_id: int, command: Command) -> Sequence[Incident]:
    """The incidents that a command is about. Raises ``NotFound`` and, where it might be several, ``InvalidInput``."""
    incidents = Incident.objects.visible_to(actor).filter(workspace_id=workspace_id).select_related("service")
    if command.reference:
        incident = incidents.by_reference(command.reference).first()
        if incident is None:
            raise NotFound(f"There is no {command.reference}")
        return [incident]
    if command.code is not None:
        return [_by_code(user, workspace_id, command.code)]
    open_ones = _told(user, workspace_id).filter(status__in=_statuses(command.verb))
    found = list(open_ones[:MOST])
    if not found:
        raise NotFound(
            "Nothing that you were told of is open", details="Name the incident, such as “ack INC-20260319-001”."
        )
    if len(found) > 1 and not command.everything:
        which = ", ".join(_named(incident, _codes(user, found)) for incident in found[:NAMED])
        raise InvalidInput(f"You have {len(found)}: {which}", details="Say which one, or “all”.")
    return found


def told_of(user: User, workspace_id: int) -> Sequence[Incident]:
    """The live incidents that *user* was told of and nobody has, newest first."""
    return list(_told(user, workspace_id).filter(status=Status.OPEN)[:NAMED])


def _statuses(verb: Verb | None) -> Sequence[Status]:
    return (Status.OPEN,) if verb == Verb.ACKNOWLEDGE else LIVE


def _told(user: User, workspace_id: int) -> IncidentQuerySet:
    told = Delivery.objects.filter(
        workspace_id=workspace_id, recipient=user, state__in=TOLD, purpose__in=ASKED, incident__isnull=False
    )
    incidents = Incident.objects.filter(workspace_id=workspace_id, status__in=LIVE)
    return incidents.filter(pk__in=told.values("incident_id")).select_related("service").order_by("-pk")


def _by_code(user: User, workspace_id: int, code: int) -> Incident:
    """Of the incidents told to the person's own phones, the one that had this number last."""
    sent = Delivery.objects.filter(
        workspace_id=workspace_id, recipient=user, destination__owner=user, reply_code=code, incident__isnull=False
    )
    last = sent.select_related("incident__service").order_by("-pk").first()
    if last is None or last.incident is None:
        raise NotFound(f"No message to you had the number {code}")
    return last.incident


def _codes(user: User, incidents: Sequence[Incident]) -> dict[int, int]:
    sent = Delivery.objects.filter(recipient=user, incident__in=incidents, reply_code__isnull=False).order_by("pk")
    return {pk: code for pk, code in sent.values_list("incident_id", "reply_code") if pk and code}


def _named(incident: Incident, codes: dict[int, int]) -> str:
    code = codes.get(incident.pk)
    return f"{code} ({incident.name})" if code else incident.name


def _summary(answers: Sequence[Answered]) -> list[str]:
    if len(answers) <= 3:
        return [answer.said for answer in answers]
    done = [answer for answer in answers if answer.done]
    names = ", ".join(answer.incident.name for answer in done[:NAMED])
    more = f" and {len(done) - NAMED} more" if len(done) > NAMED else ""
    late = len(answers) - len(done)
    return [f"{len(done)} done: {names}{more}.", *([f"{late} were somebody's already."] if late else [])]


def _help(actor: Actor, now: datetime) -> list[str]:
    return list(HELP)


def _list(actor: Actor, now: datetime) -> list[str]:
    """What nobody has, worst first, as the console's queue."""
    waiting = Incident.objects.visible_to(actor).listed().needing_someone(now).by_severity()
    rows = list(waiting.select_related("service")[: NAMED + 1])
    lines = [
        f"{row.name} {Severity(row.severity).word}: {row.title[:100]} ({row.service.name}, {words.span(now - row.created_at)})"
        for row in rows[:NAMED]
    ]
    if len(rows) > NAMED:
        lines.append(f"… and {waiting.count() - NAMED} more.")
    return lines or ["Nobody is waited for: nothing is open."]


def _oncall(actor: Actor, now: datetime) -> list[str]:
    """Who has which services now."""
    _, services = current(actor, "", now)
    lines = [
        f"{one.service}: {one.oncall or 'nobody'}{f', then {one.escalation_contact}' if one.escalation_contact else ''}"
        for one in services
    ]
    return lines[:30] or ["There is no service."]


OTHERS = {"help": _help, "list": _list, "oncall": _oncall}
