"""Names of policy targets (people, teams, schedules, destinations) in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiops.access.models import Team, User, Workspace
from notifications.choices import TargetKind
from notifications.delivery.models import Destination
from notifications.delivery.target import Target
from notifications.escalation.definition import Definition
from notifications.oncall.models import Schedule

GONE = "no longer there"


@dataclass(frozen=True, slots=True)
class Named:
    """A target for reading. *gone*: what it names does not exist any more."""

    kind: TargetKind
    name: str
    gone: bool = False


class Names:
    """The names of all targets of some definitions, read at once."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        wanted: dict[TargetKind, set[int]] = {kind: set() for kind in TargetKind}
        for definition in definitions:
            for target in definition.targets():
                wanted[target.kind].add(target.id)
            wanted[TargetKind.CHANNEL].update(definition.fallback)
        self._names: dict[tuple[TargetKind, int], str] = {}
        for kind, rows in (
            (TargetKind.USER, User.objects),
            (TargetKind.TEAM, Team.objects),
            (TargetKind.SCHEDULE, Schedule.objects),
            (TargetKind.CHANNEL, Destination.objects),
            (TargetKind.ADMINS, Workspace.objects),
        ):
            if wanted[kind]:
                for row in rows.filter(pk__in=wanted[kind]):
                    self._names[kind, row.pk] = _name(kind, row)

    def of(self, target: Target) -> Named:
        """What a target is called."""
        name = self._names.get((target.kind, target.id))
        return Named(target.kind, name or GONE, name is None)

    def destination(self, pk: int) -> Named:
        """What a fallback destination is called."""
        return self.of(Target(TargetKind.CHANNEL, pk))


def _name(kind: TargetKind, row: object) -> str:
    if isinstance(row, User):
        return row.display_name
    if isinstance(row, Destination):
        return row.label
    return f"admins of {row.name}" if kind == TargetKind.ADMINS else str(row.name)  # type: ignore[attr-defined]
