"""API keys from the environment: ``AIOPS_API_KEYS=key:role,key:role`` (alias ``AI_SRE_API_KEYS``).

An entry that can't be read gives no key; :func:`problems` names it and says why. A key without ``:role`` is an admin's,
as in the alias. An unknown role is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from aiops.access.actors import Role
from aiops.kernel import secrets


@dataclass(frozen=True, slots=True)
class EnvKey:
    """One key. *role_given* is False when the entry named no role."""

    raw: str = field(repr=False)
    role: Role
    role_given: bool = True

    @property
    def name(self) -> str:
        """Stable, and safe to show and to count by: follows from role and key (``operator-5f0c12ab``)."""
        return f"{self.role.word}-{secrets.digest(self.raw)[:8]}"


def parse(entries: Iterable[str]) -> list[EnvKey]:
    """The readable entries, in order; of a key that stands there twice only the first."""
    keys: dict[str, EnvKey] = {}
    for entry in entries:
        found = _read(entry)
        if isinstance(found, EnvKey):
            keys.setdefault(found.raw, found)
    return list(keys.values())


def problems(entries: Iterable[str]) -> list[str]:
    """What is wrong with the entries: a sentence for each bad one, naming its place and never the key."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for place, entry in enumerate(entries, start=1):
        key = _read(entry)
        if isinstance(key, str):
            found.append(f"Entry {place} {key}")
        elif key.raw in seen:
            found.append(f"Entry {place} repeats the key of entry {seen[key.raw]}, which counts.")
        else:
            seen[key.raw] = place
    return found


def _read(entry: str) -> EnvKey | str:
    """The key of one entry, or what is wrong with it."""
    raw, colon, word = entry.rpartition(":")
    if not colon:
        raw, word = entry, Role.ADMIN.word
    raw = raw.strip()
    try:
        role = Role.from_word(word)
    except ValueError:
        return "does not end in :viewer, :operator or :admin (a key that contains a colon needs its role behind it)."
    if not raw:
        return "has no key before its role."
    return EnvKey(raw, role, role_given=bool(colon))
