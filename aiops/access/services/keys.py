"""Verbs on API keys: create, revoke, and record the time of last use."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from aiops.access import keyring
from aiops.access.actors import Actor, Role
from aiops.access.models import ApiKey, Workspace
from aiops.audit.verbs import audited, changes, makes
from aiops.kernel import secrets
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted

PREFIX = "ak_"
SHOWN = 9  # characters kept to recognise a key by; 104 of its 128 bits stay unknown
USE_RESOLUTION = timedelta(minutes=1)


@audited("api_key.create")
def create_key(
    *,
    actor: Actor,
    name: str,
    workspace: Workspace | None,
    role: Role,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key of one workspace (None: of all), and the key in clear, which exists nowhere else and is shown once.

    For admins of the workspace, or of all for a key of all. Holds everywhere within seconds (the keyring's refresh).
    Raises :class:`NotPermitted`, and :class:`InvalidInput` for a blank name or an expiry that is not after *now*.
    """
    _require_admin(actor, workspace.pk if workspace else None)
    if not (name := name.strip()):
        raise InvalidInput("A key needs a name that says what uses it.", field="name")
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("The expiry must lie in the future.", field="expires_at")
    raw = secrets.make_key(PREFIX)
    key = ApiKey.objects.create(
        name=name,
        workspace=workspace,
        role=role.value,
        prefix=raw[:SHOWN],
        digest=secrets.digest(raw),
        expires_at=expires_at,
    )
    makes(key)
    transaction.on_commit(keyring.refresh)
    return key, raw


@audited("api_key.revoke")
def revoke_key(*, actor: Actor, key_id: int, now: datetime) -> ApiKey:
    """End a key for good; ending it again changes nothing. Holds in every process within 5 seconds.

    For admins of its workspace, or of all for a key of all. Raises :class:`NotFound`, :class:`NotPermitted`.
    """
    key = ApiKey.objects.select_for_update(no_key=True).filter(pk=key_id).first()
    if key is None:
        raise NotFound("There is no such API key.")
    _require_admin(actor, key.workspace_id)
    changes(key)
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        transaction.on_commit(keyring.refresh)
    return key


def _require_admin(actor: Actor, workspace_id: int | None) -> None:
    allowed = actor.everywhere == Role.ADMIN if workspace_id is None else actor.may(Role.ADMIN, workspace_id)
    if not allowed:
        where = "all workspaces" if workspace_id is None else "its workspace"
        raise NotPermitted(f"Keys are made and revoked by admins of {where}.")


class _Uses:
    """Which keys were used since the last flush, kept in memory: the hot path never writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used_at: dict[int, datetime] = {}

    def note(self, key_id: str, now: datetime) -> None:
        """Remember that the key with this actor id was used; keys of the environment have no row and are skipped."""
        if key_id.isdecimal():
            with self._lock:
                self._used_at[int(key_id)] = now

    def flush(self, now: datetime) -> int:
        """Write what was noted, in one statement; at most once a minute per key. Returns how many rows were written.

        What can't be written (``DatabaseError`` passes through) is kept for the next flush.
        """
        with self._lock:
            noted = dict(self._used_at)
        if not noted:
            return 0
        due = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_RESOLUTION)
        written = ApiKey.objects.filter(due, pk__in=noted).update(last_used_at=now)
        with self._lock:
            for key_id, used_at in noted.items():
                if self._used_at.get(key_id) == used_at:
                    del self._used_at[key_id]
        return written

    def forget(self) -> None:
        """Remember nothing (tests)."""
        with self._lock:
            self._used_at.clear()


_uses = _Uses()
note_use = _uses.note
flush_uses = _uses.flush
forget_uses = _uses.forget
