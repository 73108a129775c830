"""Names of policy targets in v1: from id to name and back, for one workspace, in one query for each kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db.models import Q

from aiops.access.models import Team, User, Workspace
from aiops.kernel.errors import Conflict, InvalidInput
from notifications.choices import TargetKind
from notifications.delivery.models import Destination
from notifications.oncall.models import Schedule

GONE = "(removed)"


def names(definitions: Iterable[Mapping[str, Any]]) -> Mapping[tuple[TargetKind, int], str]:
    """The names of everything that definitions (JSON form) point to."""
    wanted: dict[TargetKind, set[int]] = {kind: set() for kind in TargetKind}
    for definition in definitions:
        wanted[TargetKind.CHANNEL].update(definition["fallback_destinations"])
        for step in definition["steps"]:
            for target in step["targets"]:
                wanted[TargetKind(target["kind"])].add(target["id"])
    found: dict[tuple[TargetKind, int], str] = {(TargetKind.ADMINS, pk): "admins" for pk in wanted[TargetKind.ADMINS]}
    for kind, (model, field) in COLUMNS.items():
        rows = model.objects.filter(pk__in=wanted[kind]).values_list("pk", field) if wanted[kind] else ()
        found |= {(kind, pk): name for pk, name in rows}
    return found


class Finder:
    """Finds what a name stands for in a workspace."""

    def __init__(self, workspace_id: int) -> None:
        self.workspace_id = workspace_id

    def id_of(self, kind: TargetKind, name: str, path: str) -> int:
        """The id; raises ``InvalidInput`` with *path* as its field where nothing, or more than one thing, is called so."""
        if kind == TargetKind.ADMINS:
            return self.workspace_id
        model, field = COLUMNS[kind]
        rows = model.objects.filter(self._within(kind), **{field: name})
        ids: Collection[int] = set(rows.order_by("pk").values_list("pk", flat=True)[:2])
        if len(ids) != 1:
            said = f"nothing of this type is called {name[:100]!r}" if not ids else f"several are called {name[:100]!r}"
            raise InvalidInput(f"{path}: {said} in the workspace", field=path)
        return next(iter(ids))

    def _within(self, kind: TargetKind) -> Q:
        if kind == TargetKind.USER:
            return Q(memberships__workspace=self.workspace_id) | Q(is_superuser=True)
        return Q(workspace=self.workspace_id)


@contextmanager
def taken_is_a_conflict(what: str, model: Any, workspace: Workspace, name: str) -> Iterator[None]:
    """In v1 a name that is taken is a 409; whoever may not make one hears that first."""
    try:
        yield
    except InvalidInput as refused:
        if refused.field == "name" and model.objects.filter(workspace=workspace, name=name.strip()).exists():
            raise Conflict(f"{what} already exists", details=f"There is one named '{name}'") from refused
        raise


COLUMNS: dict[TargetKind, tuple[Any, str]] = {
    TargetKind.USER: (User, "username"),
    TargetKind.TEAM: (Team, "name"),
    TargetKind.SCHEDULE: (Schedule, "name"),
    TargetKind.CHANNEL: (Destination, "label"),
}
