"""The events of workspaces."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.access.actors import ActorRef
from aiops.kernel.events import Event, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFact(Fact):
    """A workspace, and who made it."""

    workspace_id: int
    slug: str
    name: str
    actor: ActorRef


class WorkspaceEvent(Event):
    """What may happen to a workspace. A handler of CREATED that fails undoes the creation."""

    CREATED = "workspace.created", WorkspaceFact
