"""Recipients of a step: from its targets to people, and to how each is notified. Read for a whole batch at once.

People on call, members of teams and workspaces, and their destinations take a constant number of queries for any number
of incidents. ``contact.plan`` makes the decision for each person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings

from aiops.access.actors import Role
from aiops.access.models import Membership, Team, User
from aiops.kernel.sql import CompiledQuery, Given
from notifications.channels import CHANNELS
from notifications.choices import MACHINES, ChannelKind, TargetKind, Urgency
from notifications.delivery.contact import NO_MAIL_SERVER, Call, OwnDestination, Person, Quiet, Rule, plan
from notifications.delivery.models import ContactRule, Destination, Provider, QuietHours
from notifications.delivery.target import Target
from notifications.oncall import ScheduleSpec, on_call
from notifications.oncall.selectors.schedules import load as load_schedules
from notifications.oncall.windows import Window

INSTANT = timedelta(seconds=1)
NO_ACCOUNTS: frozenset[ChannelKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One message that a step leads to. *user_id* None: a shared destination; *destination_id* None: made when it is needed."""

    destination_id: int | None
    kind: ChannelKind
    at: datetime
    first: bool
    user_id: int | None = None
    name: str = ""  # of the person, or of the shared destination
    via: str = ""  # the destination's label
    note: str = ""
    lacks: str = ""  # what has to be set up before it arrives


@dataclass(slots=True)
class Recipients:
    """Everybody that a step reaches, and why it does not reach the others."""

    calls: list[Recipient] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Who is told, each once, in order."""
        return list(dict.fromkeys(call.name for call in self.calls))

    @property
    def people(self) -> list[str]:
        """The people among them whom something can reach."""
        return list(dict.fromkeys(call.name for call in self.calls if call.user_id is not None and not call.lacks))

    @property
    def works(self) -> bool:
        """Whether any of it can arrive."""
        return any(not call.lacks for call in self.calls)

    @property
    def rooms(self) -> list[str]:
        """The shared destinations at which people may read it: channels of a chat, other pagers, shared mailboxes."""
        shared = (call for call in self.calls if call.user_id is None and call.kind not in MACHINES and not call.lacks)
        return list(dict.fromkeys(call.name for call in shared))


def hearing_times(calls: Collection[Recipient]) -> list[datetime]:
    """When whoever is behind *calls* hears of it. A log hears at once, and so does what lacks an account: both only count where
    there is nobody else, or a policy would go on while its people may sleep."""
    somebody = [call.at for call in calls if call.kind not in MACHINES and not call.lacks]
    return somebody or [call.at for call in calls]


_destinations = CompiledQuery(lambda: Destination.objects.filter(pk__any_of=Given("ids")))


class RecipientResolver:
    """What a batch of steps needs to know about people, schedules, teams and destinations: now, or until a later instant too.

    A dozen queries, however many targets. Contact data are as they are now; only who is on call depends on the instant.
    """

    def __init__(self, targets: Iterable[Target], now: datetime, until: datetime | None = None) -> None:
        by_kind: dict[TargetKind, set[int]] = defaultdict(set)
        for target in targets:
            by_kind[target.kind].add(target.id)
        self.now = now
        self._schedules = load_schedules(by_kind[TargetKind.SCHEDULE], now, (until or now) + INSTANT)
        self._teams, self._team_names = _teams(by_kind[TargetKind.TEAM])
        self._admins = admins_of(by_kind[TargetKind.ADMINS])
        self._accounts = accounts()
        channels = by_kind[TargetKind.CHANNEL]
        self._shared = {row.pk: row for row in _destinations(ids=list(channels))} if channels else {}
        if until is None:
            shifts = [on_call(schedule, now) for schedule in self._schedules.values()]
            holders = {shift.user_id for shift in shifts if shift is not None}
        else:
            holders = {pk for schedule in self._schedules.values() for pk in _may_hold(schedule)}
        members = {pk for found in self._teams.values() for pk in found}
        admins = {pk for found in self._admins.values() for pk in found}
        everybody = holders | members | admins | by_kind[TargetKind.USER]
        self.people = load_people(everybody)
        self._where = _workspaces_of(everybody)

    def recipients(
        self,
        targets: Iterable[Target],
        workspace_id: int,
        urgency: Urgency,
        window: Window | None = None,
        at: datetime | None = None,
    ) -> Recipients:
        """How the *targets* are told now, or *at* an instant until which this resolver was made.

        A person or a destination that several of them lead to is told once.
        """
        recipients, now = Recipients(), at or self.now
        told: set[tuple[str, int]] = set()
        for target in targets:
            if target.kind == TargetKind.CHANNEL:
                self._add_shared(recipients, target.id, workspace_id, told, now)
                continue
            users, why = self._people_of(target, now)
            if why:
                recipients.missed.append(why)
            for user_id in users:
                if ("user", user_id) not in told:
                    told.add(("user", user_id))
                    self._add_person(recipients, user_id, workspace_id, urgency, window, now)
        return recipients

    def _people_of(self, target: Target, now: datetime) -> tuple[Collection[int], str]:
        """The people of a target, or why there are none."""
        if target.kind == TargetKind.USER:
            return (target.id,), ""
        if target.kind == TargetKind.TEAM:
            name = self._team_names.get(target.id)
            if name is None:
                return (), "a team that no longer exists"
            return self._teams[target.id], "" if self._teams[target.id] else f"team {name} has no members"
        if target.kind == TargetKind.ADMINS:
            return self._admins.get(target.id, ()), "" if self._admins.get(target.id) else "the workspace has no admins"
        schedule = self._schedules.get(target.id)
        if schedule is None:
            return (), "a schedule that no longer exists"
        shift = on_call(schedule, now)
        return ((shift.user_id,), "") if shift else ((), f"nobody is on call in {schedule.name}")

    def _add_person(
        self,
        recipients: Recipients,
        user_id: int,
        workspace_id: int,
        urgency: Urgency,
        window: Window | None,
        now: datetime,
    ) -> None:
        person = self.people.get(user_id)
        if person is None:
            recipients.missed.append("somebody who no longer exists")
            return
        where = self._where[user_id]
        if where is not None and workspace_id not in where:
            recipients.missed.append(f"{person.name} is no member of this workspace any more")
            return
        planned = plan(equipped(person, self._accounts.get(workspace_id, NO_ACCOUNTS)), urgency, now, window)
        if not planned.calls:
            recipients.missed.append(f"{person.name}: {planned.reason}")
        recipients.warnings += [f"{person.name}: {warning}" for warning in planned.warnings]
        recipients.calls += [_recipient(call, person) for call in planned.calls]

    def _add_shared(
        self, recipients: Recipients, pk: int, workspace_id: int, told: set[tuple[str, int]], now: datetime
    ) -> None:
        row, kinds = self._shared.get(pk), self._accounts.get(workspace_id, NO_ACCOUNTS)
        if row is None or row.workspace_id != workspace_id:
            recipients.missed.append("a destination that no longer exists")
        elif row.problem:
            recipients.missed.append(f"{row.label}: {row.problem}")
        elif ("shared", pk) not in told:
            told.add(("shared", pk))
            lacks = "" if row.provider_id else without_account(ChannelKind(row.kind), kinds)
            recipients.warnings += [f"{row.label}: {lacks}"] if lacks else []
            recipients.calls.append(
                Recipient(pk, ChannelKind(row.kind), now, True, None, row.label, row.label, lacks=lacks)
            )


def admins_of(workspace_ids: Collection[int]) -> dict[int, list[int]]:
    """The active admins of each workspace; where it has none, the superusers."""
    found: dict[int, list[int]] = {pk: [] for pk in workspace_ids}
    if not found:
        return found
    members = Membership.objects.filter(workspace_id__in=found, role=Role.ADMIN.value, user__is_active=True)
    for workspace_id, user_id in members.order_by("user_id").values_list("workspace_id", "user_id"):
        found[workspace_id].append(user_id)
    superusers = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").values_list("pk", flat=True)
    spare = list(superusers) if not all(found.values()) else []
    return {pk: users or spare for pk, users in found.items()}


def load_people(user_ids: Collection[int]) -> dict[int, Person]:
    """What is known of how to tell these people, were every account set up (see :func:`equipped`); four queries."""
    if not user_ids:
        return {}
    own: dict[int, list[OwnDestination]] = defaultdict(list)
    for row in Destination.objects.filter(owner_id__in=user_ids).order_by("pk"):
        own[row.owner_id or 0].append(OwnDestination(row.pk, ChannelKind(row.kind), row.label, row.problem))
    rules: dict[int, list[Rule]] = defaultdict(list)
    for rule in ContactRule.objects.filter(user_id__in=user_ids).order_by("delay_minutes", "pk"):
        delay = timedelta(minutes=rule.delay_minutes)
        rules[rule.user_id].append(Rule(Urgency(rule.urgency), delay, rule.destination_id))
    quiet = {q.user_id: Quiet(q.begins, q.ends, tuple(q.days)) for q in QuietHours.objects.filter(user_id__in=user_ids)}
    return {
        user.pk: Person(
            id=user.pk,
            name=user.display_name,
            time_zone=user.time_zone,
            own=tuple(own[user.pk]),
            rules=tuple(rules[user.pk]),
            quiet=quiet.get(user.pk),
            email=user.email,
            active=user.is_active,
        )
        for user in User.objects.filter(pk__in=user_ids)
    }


def accounts() -> dict[int, frozenset[ChannelKind]]:
    """The kinds that each workspace has an account for. One query."""
    found: dict[int, set[ChannelKind]] = defaultdict(set)
    for workspace_id, kind in Provider.objects.filter(is_default=True).values_list("workspace_id", "kind"):
        found[workspace_id].add(ChannelKind(kind))
    return {pk: frozenset(kinds) for pk, kinds in found.items()}


def equipped(person: Person, kinds: frozenset[ChannelKind]) -> Person:
    """*person* as a workspace with accounts of these *kinds* can tell them."""
    own = tuple(replace(own, lacks=without_account(own.kind, kinds)) for own in person.own)
    return replace(person, own=own, mail_server=not without_account(ChannelKind.EMAIL, kinds))


def without_account(kind: ChannelKind, kinds: frozenset[ChannelKind]) -> str:
    """What is missing before *kind* can be used, "" when nothing is. The operator may have named a mail server for all."""
    if not CHANNELS[kind].needs_provider or kind in kinds:
        return ""
    if kind == ChannelKind.EMAIL:
        return "" if settings.AIOPS_SMTP_URL else NO_MAIL_SERVER
    return "web push is not set up" if kind == ChannelKind.WEBPUSH else f"no {kind.label} account is set up"


def _may_hold(schedule: ScheduleSpec) -> set[int]:
    """Everybody whom the schedule can name."""
    turns = {user_id for layer in schedule.layers for user_id in layer.members if user_id is not None}
    spare = {schedule.fallback_id} if schedule.fallback_id is not None else set()
    return turns | spare | {override.user_id for override in schedule.overrides}


def _recipient(call: Call, person: Person) -> Recipient:
    own = call.own
    return Recipient(own.id, own.kind, call.at, call.first, person.id, person.name, own.label, call.note, own.lacks)


def _teams(ids: Collection[int]) -> tuple[dict[int, list[int]], dict[int, str]]:
    if not ids:
        return {}, {}
    names = dict(Team.objects.filter(pk__in=ids).values_list("pk", "name"))
    members: dict[int, list[int]] = {pk: [] for pk in names}
    for row in Team.members.through.objects.filter(team_id__in=names).order_by("pk"):
        members[row.team_id].append(row.user_id)
    return members, names


def _workspaces_of(user_ids: Collection[int]) -> dict[int, set[int] | None]:
    """The workspaces that each belongs to; None: all of them."""
    if not user_ids:
        return {}
    found: dict[int, set[int] | None] = {pk: set() for pk in user_ids}
    for user_id, workspace_id in Membership.objects.filter(user_id__in=user_ids).values_list("user_id", "workspace_id"):
        held = found[user_id]
        if held is not None:
            held.add(workspace_id)
    for pk in User.objects.filter(pk__in=user_ids, is_superuser=True).values_list("pk", flat=True):
        found[pk] = None
    return found
