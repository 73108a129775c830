"""Verification: walks every chain and says what does not fit: changed, missing, re-ordered or unsealed rows. It only reads."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Exists, OuterRef

from aiops.audit import chain, keys
from aiops.audit.models import AuditEvent, AuditSeal

CHUNK = 1000
COMPARED = 200  # rows that do not fit which are tried at each other's places
LATE = timedelta(hours=1)  # after which an event must have its seal


class Fault(StrEnum):
    """What can be wrong with a row."""

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "re-ordered"
    UNKNOWN_KEY = "unknown key"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    fault: Fault
    chain: int
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last place of a chain: what somebody who writes it down elsewhere can compare later."""

    chain: int
    position: int
    hash: str


@dataclass(slots=True)
class Report:
    """What a verification found. *waiting*: events that the chainer has not come to yet."""

    events: int = 0
    waiting: int = 0
    heads: list[Head] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def verify(now: datetime) -> Report:
    """Verify all chains. Needs memory for a thousand events and one second for some ten thousand."""
    report = Report()
    known = keys.by_id()
    for number in AuditSeal.objects.exclude(chain=None).order_by("chain").values_list("chain", flat=True).distinct():
        assert number is not None
        _Walk(number, known, report).go()
    report.findings += _without_seal()
    blank = AuditSeal.objects.filter(position__isnull=True)
    report.waiting = blank.count()
    for event in AuditEvent.objects.filter(pk__in=blank.values("event_id"), at__lt=now - LATE).order_by("pk")[:CHUNK]:
        told = f"Event {event.pk} of {event.at:%Y-%m-%d %H:%M} UTC has no seal yet: does a worker run?"
        report.findings.append(Finding(Fault.UNSEALED, chain.chain_of(event), 0, told))
    return report


def _without_seal() -> Iterator[Finding]:
    sealed = Exists(AuditSeal.objects.filter(event_id=OuterRef("pk")))
    for event in AuditEvent.objects.filter(~sealed).order_by("pk")[:CHUNK]:
        told = f"Event {event.pk} has lost its seal, and with it its place."
        yield Finding(Fault.MISSING, chain.chain_of(event), 0, told)


@dataclass(frozen=True, slots=True)
class _Place:
    """A seal, and its event if that is still there."""

    seal: AuditSeal
    event: AuditEvent | None

    @property
    def position(self) -> int:
        return self.seal.position or 0


@dataclass(slots=True)
class _Walk:
    """One chain from its first place to its last."""

    number: int
    known: dict[str, bytes]
    report: Report
    misfits: list[_Place] = field(default_factory=list)

    def go(self) -> None:
        position, previous = 0, chain.START
        for place in self._places():
            if place.position != position + 1:
                self._find(Fault.MISSING, position + 1, _hole(position + 1, place.position - 1))
                previous = place.seal.previous
            self._look(place, previous)
            position, previous = place.position, place.seal.hash
        self.report.heads.append(Head(self.number, position, previous))
        for place in self.misfits:
            self._name_misfit(place)

    def _places(self) -> Iterator[_Place]:
        """All places in their order."""
        last = 0
        while True:
            seals = list(AuditSeal.objects.filter(chain=self.number, position__gt=last).order_by("position")[:CHUNK])
            events = AuditEvent.objects.in_bulk([seal.event_id for seal in seals])
            yield from (_Place(seal, events.get(seal.event_id)) for seal in seals)
            if len(seals) < CHUNK:
                return
            last = seals[-1].position or 0

    def _look(self, place: _Place, previous: str) -> None:
        self.report.events += 1
        seal = place.seal
        if place.event is None:
            self._find(Fault.MISSING, place.position, f"Event {seal.event_id} is gone; its seal is still there.")
        elif seal.key_id not in self.known:
            told = (
                f"Event {seal.event_id} was sealed with the key {seal.key_id or 'of no name'}, which is not known here."
            )
            self._find(Fault.UNKNOWN_KEY, place.position, told)
        elif not self._fits(seal, place.event, place.position):
            self.misfits.append(place)
        elif not hmac.compare_digest(seal.previous, previous):
            told = (
                f"Event {seal.event_id} follows another seal than the one before it: that one was changed or exchanged."
            )
            self._find(Fault.REORDERED, place.position, told)

    def _fits(self, seal: AuditSeal, event: AuditEvent, position: int) -> bool:
        made = chain.seal(self.known[seal.key_id], event, self.number, position, seal.previous)
        return hmac.compare_digest(seal.hash, made)

    def _name_misfit(self, place: _Place) -> None:
        """A row that does not fit at its own place but at another misfit's was moved; any other was changed."""
        stood = self._where_it_stood(place)
        if stood:
            told = f"Event {place.seal.event_id} was sealed at place {stood} and stands at {place.position}."
            self._find(Fault.REORDERED, place.position, told)
        else:
            told = f"Event {place.seal.event_id} or its seal says something else than when it was sealed."
            self._find(Fault.CHANGED, place.position, told)

    def _where_it_stood(self, place: _Place) -> int:
        assert place.event is not None
        for other in self.misfits[:COMPARED]:
            if other is not place and (
                self._fits(place.seal, place.event, other.position)
                or self._fits(other.seal, place.event, other.position)
            ):
                return other.position
        return 0

    def _find(self, fault: Fault, position: int, text: str) -> None:
        self.report.findings.append(Finding(fault, self.number, position, text))


def _hole(first: int, last: int) -> str:
    return f"Place {first} is missing." if first == last else f"Places {first} to {last} are missing."
