"""Targets: whom a message is for, as policies and notices name them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from aiops.kernel.validation import Key, Words
from notifications.choices import TargetKind

Kind = Annotated[TargetKind, Words({str(kind): kind for kind in TargetKind})]


@dataclass(frozen=True, slots=True)
class Target:
    """A person, a team, a schedule, a shared destination, or the admins of a workspace."""

    kind: Kind
    id: Key
