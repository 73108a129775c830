"""Text commands from a phone, a chat or a mail: finds the incidents they name, does the action, and returns the lines
of the answer.

All incidents are looked up before anything is done, and the command is done as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.kernel.errors import DomainError, InvalidInput, NotFound
from incidents.choices import LIVE, Severity, Status
from incidents.core.models import Incident
from incidents.querysets import IncidentQuerySet
from notifications.choices import ASKING, NOTIFIED
from notifications.delivery.models import Delivery
from notifications.delivery.services import reply_codes
from notifications.delivery.verbs import Verb, registered, verb_of
from notifications.escalation.selectors.current import current
from notifications.replies import words
from notifications.replies.commands import Command
from notifications.replies.services.responding import NOTHING, acting, asked_in, respond_all, summary

NAMED = 10  # incidents in a list; the rest is counted
MOST = 200  # incidents that one "all" reaches
HELP = (
    "{verbs} with the number or name of an incident: “ack 12”, “ack 4, 5”, “snooze 12 2h”, “resolve INC-20260319-001”.",
    "“ack all” takes all that you were told of. “list”, “oncall”, “help”.",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What whoever answered reads. *done*: everything that they wanted was done; *changed*: something was."""

    lines: Sequence[str]
    done: bool = False
    changed: bool = False

    @property
    def text(self) -> str:
        """All of it as one text."""
        return " ".join(self.lines)


def carry_out(
    *, user: User, workspace_id: int, said: Sequence[Command], now: datetime, via: str, to: Delivery | None = None
) -> Reply:
    """Do what *user* typed, in one workspace. *to* is the message that was answered, where the channel says so: a command that
    names nothing means all that the message told of. Always answers in sentences: a refusal is one of them.

    Raises nothing that a caller should tell in another way.
    """
    try:
        actor = acting(user, workspace_id)
        if not said[0].understood:
            return Reply(_no_command(actor, user, workspace_id, said[0], now))
        if said[0].verb is None:
            return Reply(OTHERS[said[0].other](actor, now), done=True, changed=True)
        with transaction.atomic():
            meaning = [(each, meant(actor, user, workspace_id, each, to)) for each in said if each.verb is not None]
            answers = [
                (each.verb, respond_all(user, found, each.verb, now, argument=each.text, via=via))
                for each, found in meaning
                if each.verb is not None
            ]
    except DomainError as refused:
        return Reply([f"{NOTHING} {sentence(refused)}"])
    lines = [line for verb, each in answers for line in summary(verb, each, now)]
    done = [answer.done for _, each in answers for answer in each]
    return Reply(lines, all(done), any(done))


def sentence(refused: DomainError) -> str:
    """A refusal as people read it."""
    return f"{refused.message.rstrip('.')}.{f' {refused.details}' if refused.details else ''}"


def meant(
    actor: Actor, user: User, workspace_id: int, command: Command, to: Delivery | None = None
) -> Sequence[Incident]:
    """The incidents that a command is about. Raises ``NotFound`` and, where it might be several, ``InvalidInput``."""
    if command.unclear:
        raise InvalidInput(_which_number(command), field="number")
    if command.references or command.codes:
        named = [*_by_names(actor, workspace_id, command.references), *_by_codes(user, workspace_id, command)]
        return list({incident.pk: incident for incident in named}.values())
    if to is not None:
        listed = asked_in(to)
        if not command.everything or len(listed) > 1:
            return listed
    open_ones = _told(user, workspace_id).filter(status__in=_statuses(command.verb))
    found = list(open_ones[:MOST])
    if not found:
        raise NotFound(
            "Nothing that you were told of is open", details="Name the incident, such as “ack INC-20260319-001”."
        )
    if len(found) > 1 and not command.everything:
        which = ", ".join(_named(incident, _codes(user, found)) for incident in found[:NAMED])
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise InvalidInput(f"You have {len(found)}: {which}{more}", details="Say which, or “all”.")
    return found


def _which_number(command: Command) -> str:
    """What to write instead of a number that may mean two things."""
    if command.everything:
        return f"“{command.unclear[:100]}” is not clear. Say which, such as “{command.verb} 4, 5”"
    if command.unclear[:3].lower() in ("inc", "#in"):
        return f"“{command.unclear}” is no name of an incident, such as INC-20260319-001"
    number = command.unclear.strip("#?")
    if command.verb == Verb.SNOOZE:
        return f"Is {number} how long, or an incident? Write “snooze 1 {number}m” or “snooze 1, {number} 30m”"
    if command.codes and command.unclear.strip("#?") != str(command.codes[0]):
        first = command.codes[0]
        return f"Is {number} an incident? Write “{command.verb} {first}, {number}”, or “{command.verb} {first}: {number} …”"
    return f"“{command.unclear}” is no number of an incident"


def _no_command(actor: Actor, user: User, workspace_id: int, said: Command, now: datetime) -> list[str]:
    """What to say to what is no command: what a number alone stands for, or what may be said."""
    if not said.named:
        return [f"{NOTHING} “{said.text[:100]}” is no command." if said.text else NOTHING, *help_lines()]
    found = meant(actor, user, workspace_id, replace(said, verb=Verb.NOTE))
    asked = said.text[:100]
    about = [f"{incident.name} is “{incident.title[:100]}”. {words.state(incident, now)}" for incident in found[:NAMED]]
    return [NOTHING, *about, f"Say what to do: “ack {asked}” or “resolve {asked}”."]


def _by_names(actor: Actor, workspace_id: int, names: Sequence[str]) -> list[Incident]:
    visible = Incident.objects.visible_to(actor).filter(workspace_id=workspace_id).select_related("service")
    found: dict[int, Incident] = {}
    for name in names:
        incident = visible.by_reference(name).first()
        if incident is None:
            raise NotFound(f"There is no {name}")
        found[incident.pk] = incident
    return list(found.values())


def _by_codes(user: User, workspace_id: int, command: Command) -> list[Incident]:
    found: dict[int, Incident] = {}
    for code in command.codes:
        incidents = reply_codes.incidents_of(code, user=user, workspace_id=workspace_id)
        if not incidents:
            minutes = f"For {code} minutes write “snooze {code}m”." if command.verb == Verb.SNOOZE else ""
            raise NotFound(f"No message to you had the number {code}", details=minutes)
        found |= {incident.pk: incident for incident in incidents}
    return list(found.values())


def _statuses(verb: str | None) -> Sequence[Status]:
    return [status for status in (verb_of(verb).statuses if verb else LIVE) if status in LIVE]


def _told(user: User, workspace_id: int) -> IncidentQuerySet:
    told = Delivery.objects.filter(
        workspace_id=workspace_id, recipient=user, state__in=NOTIFIED, purpose__in=ASKING, incident__isnull=False
    )
    incidents = Incident.objects.filter(workspace_id=workspace_id, status__in=LIVE)
    return incidents.filter(pk__in=told.values("incident_id")).select_related("service").order_by("-pk")


def _codes(user: User, incidents: Sequence[Incident]) -> dict[int, int]:
    sent = Delivery.objects.filter(recipient=user, incident__in=incidents, reply_code__isnull=False).order_by("pk")
    return {pk: code for pk, code in sent.values_list("incident_id", "reply_code") if pk and code}


def _named(incident: Incident, codes: dict[int, int]) -> str:
    code = codes.get(incident.pk)
    return f"{code} ({incident.name})" if code else incident.name


def help_lines() -> list[str]:
    """What may be typed."""
    commands = ", ".join(verb.command for verb in registered())
    return [line.format(verbs=commands) for line in HELP]


def _help(actor: Actor, now: datetime) -> list[str]:
    return help_lines()


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
