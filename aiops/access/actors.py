"""The actor: the person, API key or part of the platform that does something. A value that services take; no request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Role(IntEnum):
    """What a person or a key may do in a workspace; each role may do all that the lower ones may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role as the APIs and the admin write it."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Role:
        """The role called *word*; raises ``ValueError`` naming the three that exist."""
        try:
            return cls[word.strip().upper()]
        except KeyError:
            raise ValueError(f"role must be viewer, operator or admin, not {word!r}") from None


class ActorKind(StrEnum):
    USER = "user"
    API_KEY = "api_key"
    SOURCE = "source"
    RUNBOOK = "runbook"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class ActorRef:
    """Who did something, as timelines and events record it: without roles, which change."""

    kind: ActorKind
    id: str
    label: str

    @property
    def user_id(self) -> int:
        """The person's key; 0 when no person did it."""
        return int(self.id) if self.kind == ActorKind.USER and self.id.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and in which workspaces with which role.

    *roles* maps workspace ids to roles; *everywhere* is the role in all workspaces (None: only those in *roles*).
    """

    kind: ActorKind
    id: str
    label: str
    email: str = ""
    roles: tuple[tuple[int, Role], ...] = ()
    everywhere: Role | None = None

    def role_in(self, workspace_id: int) -> Role | None:
        """The actor's role in a workspace, None when it may not even know of it."""
        return dict(self.roles).get(workspace_id, self.everywhere)

    def workspaces_with(self, role: Role) -> tuple[int, ...] | None:
        """The workspaces in which it has at least *role*; None means all."""
        if self.everywhere is not None and self.everywhere >= role:
            return None
        return tuple(workspace for workspace, own in self.roles if own >= role)

    @property
    def ref(self) -> ActorRef:
        """The actor as it is recorded."""
        return ActorRef(self.kind, self.id, self.label)

    @property
    def workspace_ids(self) -> tuple[int, ...] | None:
        """The workspaces it may see; None means all."""
        return self.workspaces_with(Role.VIEWER)

    @property
    def highest_role(self) -> Role:
        """Its best role anywhere (rate limits go by it)."""
        return max(
            [role for _, role in self.roles] + ([self.everywhere] if self.everywhere else []), default=Role.VIEWER
        )

    def may(self, role: Role, workspace_id: int) -> bool:
        """Whether it has at least *role* in the workspace."""
        own = self.role_in(workspace_id)
        return own is not None and own >= role


SYSTEM = Actor(ActorKind.SYSTEM, "system", "system", everywhere=Role.ADMIN)
