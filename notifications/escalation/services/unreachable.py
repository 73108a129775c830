"""Unreachable services: each hour every service's escalation is tried for a critical incident at each hour of the next
day.

A log is nobody, and the fallback does not count. The result is listed, and one internal incident for each workspace
names what is new. It ends when all of it is mended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from incidents.catalogue.models import Service
from incidents.choices import PRIORITY_OF, Priority, Severity
from incidents.core.models import Incident
from incidents.ingest.services import internal
from incidents.upkeep.services import upkeep
from notifications.choices import SCOPE, ChannelKind
from notifications.delivery.selectors.recipients import RecipientResolver
from notifications.escalation.definition import Definition
from notifications.escalation.models import EscalationPolicy, UnreachableService
from notifications.escalation.moves import Facts
from notifications.escalation.selectors.in_force import policies_of
from notifications.escalation.services.whatif import Line, longest, walk

HOURS = 24
SEVERITY = Severity.CRITICAL
KEY = "unreachable services"
NAMED = 20


@dataclass(frozen=True, slots=True)
class UnreachableHour:
    """An incident at *at* would reach nobody, for *reason*."""

    at: datetime
    reason: str


def sweep(now: datetime) -> int:
    """Look at every service, keep the list and the alarms up to date; returns how many reach nobody."""
    services = list(Service.objects.listed().order_by("workspace_id", "pk"))
    hours = find(services, now)
    with transaction.atomic():
        known = dict(UnreachableService.objects.select_for_update().values_list("service_id", "pk"))
        UnreachableService.objects.exclude(service_id__in=hours).delete()
        fresh: dict[int, list[Service]] = defaultdict(list)
        for service in services:
            hour = hours.get(service.pk)
            if hour is None:
                continue
            row, made = UnreachableService.objects.get_or_create(
                service=service,
                defaults={
                    "workspace_id": service.workspace_id,
                    "found_at": now,
                    "at": hour.at,
                    "reason": hour.reason,
                },
            )
            if made:
                fresh[service.workspace_id].append(service)
            elif (row.at, row.reason) != (hour.at, hour.reason):
                UnreachableService.objects.filter(pk=known[service.pk]).update(at=hour.at, reason=hour.reason)
    _tell(fresh, hours, now)
    return len(hours)


def find(services: Sequence[Service], now: datetime) -> dict[int, UnreachableHour]:
    """The first hole of each service that has one. Services of one policy and priority are walked once."""
    policies = policies_of(services, SEVERITY)
    walked: dict[tuple[int, Priority], UnreachableHour | None] = {}
    resolvers: dict[int, RecipientResolver] = {}
    found: dict[int, UnreachableHour] = {}

    def look(service: Service) -> None:
        policy = policies.get(service.pk)
        if policy is None or policy.version is None:
            found[service.pk] = UnreachableHour(now, "no escalation policy is in force")
            return
        priority = Priority(service.default_priority or PRIORITY_OF[SEVERITY])
        key = (policy.pk, priority)
        if key not in walked:
            walked[key] = _first_hole(policy, priority, service.workspace_id, resolvers, now)
        if (hour := walked[key]) is not None:
            found[service.pk] = hour

    upkeep.each(services, look, of=_subject_of, now=now)
    return found


def _subject_of(service: Service) -> upkeep.Subject:
    what = f"The look whether anybody is reached for {service.name}"
    return upkeep.Subject(f"unreachable:{service.pk}", what, service.workspace_id)


def _first_hole(
    policy: EscalationPolicy,
    priority: Priority,
    workspace_id: int,
    resolvers: dict[int, RecipientResolver],
    now: datetime,
) -> UnreachableHour | None:
    assert policy.version is not None
    definition = Definition.of_json(policy.version.definition)
    until = now + timedelta(hours=HOURS) + longest(definition)
    if policy.pk not in resolvers:
        resolvers[policy.pk] = RecipientResolver(set(definition.targets()), now, until)
    for hour in range(HOURS):
        at = now + timedelta(hours=hour)
        lines = list(walk(definition, resolvers[policy.pk], workspace_id, Facts(SEVERITY, priority, at)))
        if not any(_is_somebody(line) for line in lines):
            reasons = dict.fromkeys(line.note for line in lines if line.what in ("unreached", "skipped") and line.note)
            return UnreachableHour(at, "; ".join(reasons) or "no step tells anybody")
    return None


def _is_somebody(line: Line) -> bool:
    return line.what == "told" and line.kind != ChannelKind.LOG and not line.lacks


def _tell(fresh: dict[int, list[Service]], hours: dict[int, UnreachableHour], now: datetime) -> None:
    upkeep.each(
        fresh,
        lambda workspace_id: _raise(workspace_id, fresh[workspace_id], hours, now),
        of=_alarm_of,
        now=now,
    )
    mended = Incident.objects.live().filter(signal_type="unreachable_service", dedup_key=KEY)
    still = UnreachableService.objects.values("workspace_id")
    upkeep.each(
        mended.exclude(workspace_id__in=still).values_list("workspace_id", flat=True),
        lambda workspace_id: internal.clear_internal(scope=SCOPE, workspace_id=workspace_id, dedup_key=KEY, now=now),
        of=_alarm_of,
        now=now,
    )


def _alarm_of(workspace_id: int) -> upkeep.Subject:
    return upkeep.Subject(f"unreachable:alarm:{workspace_id}", "The alarm for services that reach nobody", workspace_id)


def _raise(workspace_id: int, services: Sequence[Service], hours: dict[int, UnreachableHour], now: datetime) -> None:
    named = [f"{s.name} at {hours[s.pk].at:%Y-%m-%d %H:%M} UTC: {hours[s.pk].reason}" for s in services[:NAMED]]
    more = [f"and {len(services) - NAMED} more"] if len(services) > NAMED else []
    internal.raise_internal(
        scope=SCOPE,
        workspace_id=workspace_id,
        dedup_key=KEY,
        title=f"Nobody would be reached for {services[0].name}"
        + (f" and {len(services) - 1} other services" if len(services) > 1 else ""),
        description="\n".join([*named, *more]),
        severity=Severity.HIGH,
        signal_type="unreachable_service",
        now=now,
    )
