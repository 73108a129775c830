"""The callers of the front door: from the credential in a request to workspace, source and service. Memory only.

A key or workspace that memory lacks may be in the database. Then the door raises :class:`LookAgain`; its carrier reads
the database off the event loop and asks once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from aiops.access import credentials, keyring
from aiops.access.actors import Actor, Role
from aiops.access.services import keys
from aiops.access.services.workspaces import choose_workspace
from aiops.audit import facts
from aiops.audit.facts import Door, Facts
from aiops.kernel.errors import DomainError, InvalidInput, NotFound, NotPermitted, Overloaded
from incidents.catalogue.services import directory
from incidents.catalogue.services.directory import KnownService, KnownSource
from incidents.choices import SourceKind
from incidents.front.requests import Inbound

T = TypeVar("T")


@dataclass(slots=True)
class Refused(Exception):
    """The body was not understood, but we know whose it is: it is kept, with the reason."""

    source: KnownSource
    error: DomainError


class LookAgain(Exception):
    """Memory does not know; the database may. *refusal* is what to raise when it does not know either."""

    def __init__(self, refusal: DomainError | Refused) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


SETTING_UP = "The workspace is being set up; send again."


def refresh(inbound: Inbound, now: datetime) -> None:
    """Read what is known again; make the workspace that a key for all of them names first. Blocks: off the event loop."""
    keyring.refresh_after_miss()
    directory.refresh_after_miss()
    slug, name = _named_workspace(inbound)
    if slug or name:
        actor = identify(inbound, now)
        came = facts.current()
        with facts.during(Facts(Door.EVENTS, inbound.address) if came is facts.COMMAND else came):
            choose_workspace(actor=actor, now=now, slug=slug, name=name, may_create=True)
        directory.refresh()


class _Memory(Generic[T]):
    """What was found out about requests with the same headers, for as long as keyring and directory stay what they are (two
    seconds): checking a key anew costs 30 µs."""

    def __init__(self) -> None:
        self._of: tuple[object, object] = (None, None)
        self._found: dict[tuple[str | None, ...], T] = {}

    def current(self) -> dict[tuple[str | None, ...], T]:
        """Presented headers → what they mean; one that is not in it is to be found out, and put in."""
        of = (keyring.current(), directory.current())
        if self._of[0] is not of[0] or self._of[1] is not of[1] or len(self._found) > MOST_REMEMBERED:
            self._of, self._found = of, {}
        return self._found


MOST_REMEMBERED = 1000
_actors: _Memory[Actor] = _Memory()
_senders: _Memory[tuple[str, int]] = _Memory()


def identify(inbound: Inbound, now: datetime) -> Actor:
    """The caller, by any of the credentials that an ingest path takes; must be operator or admin somewhere."""
    shown, actors = _shown(inbound), _actors.current()
    actor = actors.get(shown)
    if actor is None:
        header, query, authorization, host, origin = (value or "" for value in shown)
        presented = [header, query, *credentials.in_authorization(authorization)]
        actor = credentials.identify(presented, host=host, origin=origin, now=now)
        if actor.highest_role < Role.OPERATOR:
            raise NotPermitted("Sending signals takes a key with the role operator or admin; this one's is viewer.")
        actors[shown] = actor
    keys.note_use(actor.id, now)
    return actor


def workspace_of(inbound: Inbound, now: datetime) -> int:
    """The workspace that the caller may send to: the one it names in a header, else its only one, else the primary one."""
    headers = inbound.headers
    shown = (*_shown(inbound), headers.get("x-workspace-id"), headers.get("x-workspace-name"))
    senders = _senders.current()
    if (found := senders.get(shown)) is None:
        actor = identify(inbound, now)
        senders[shown] = (actor.id, workspace_id := _choose(actor, inbound))
        return workspace_id
    actor_id, workspace_id = found
    keys.note_use(actor_id, now)
    return workspace_id


def _shown(inbound: Inbound) -> tuple[str | None, ...]:
    """What a request says about who sent it."""
    headers = inbound.headers
    return (
        headers.get("x-api-key"), inbound.query.get("api_key"), headers.get("authorization"), headers.get("host"),
        headers.get("origin"),
    )  # fmt: skip


def presents_key(inbound: Inbound) -> bool:
    """Whether a request shows an API key at all, good or not."""
    return any(_shown(inbound)[:3])


def _choose(actor: Actor, inbound: Inbound) -> int:
    known = directory.current()
    slug, name = _named_workspace(inbound)
    if slug or name:
        workspace = known.workspaces_by_slug.get(slug) if slug else known.workspaces_by_name.get(name.lower())
        if workspace is None:
            raise LookAgain(NotPermitted(f"This key may not send signals to the workspace {slug or name!r}."))
    elif actor.workspace_ids and known.primary_workspace not in actor.workspace_ids:
        workspace = actor.workspace_ids[0]
    else:
        workspace = known.primary_workspace
        if workspace is None:
            raise LookAgain(Overloaded(SETTING_UP, data={"retry_after": 1}))
    if not actor.may(Role.OPERATOR, workspace):
        raise NotPermitted(f"This key may not send signals to the workspace {slug or name or workspace!r}.")
    return workspace


def _named_workspace(inbound: Inbound) -> tuple[str, str]:
    headers = inbound.headers
    return credentials.text(headers.get("x-workspace-id", "")), credentials.text(headers.get("x-workspace-name", ""))


def default_source(workspace_id: int, kind: SourceKind) -> KnownSource:
    """The workspace's own source of a kind."""
    source = directory.current().default_sources.get((workspace_id, kind))
    if source is None:
        raise LookAgain(Overloaded(SETTING_UP, data={"retry_after": 1}))
    return _enabled(source)


def source_by_key(key: str) -> KnownSource:
    """The source behind ``/in/<key>``: the key in the path is the credential."""
    source = directory.current().source_by_key(key)
    if source is None:
        raise LookAgain(NotFound("There is no source with this key."))
    return _enabled(source)


def service_by_routing_key(key: str, problems: Sequence[str] = ()) -> KnownService:
    """The service that an event addresses; *problems* are what else is wrong with the event, for the refusal."""
    service = directory.current().service_by_routing_key(key)
    if service is None:
        unknown = "routing_key is unknown: no service has it"
        raise LookAgain(InvalidInput(unknown, field="routing_key", data={"errors": [unknown, *problems]}))
    return service


def _enabled(source: KnownSource) -> KnownSource:
    if not source.enabled:
        raise NotPermitted("This source is disabled.")
    return source
