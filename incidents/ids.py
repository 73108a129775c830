"""Public identifiers: an incident has an id (``inc-0000002a``) and a name (``INC-20260319-001``). Paths take either."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.urls import register_converter

INCIDENT_ID = re.compile(r"^inc[-_]([0-9a-f]{8,15})$")
INCIDENT_NAME = re.compile(r"^INC-\d{8}-\d{3,}$")
REFERENCE_PATTERN = r"inc[-_][0-9a-f]{8,15}|INC-\d{8}-\d{3,}"


def incident_id(pk: int) -> str:
    """The public id of the row *pk*: its number in at least eight hex digits."""
    return f"inc-{pk:08x}"


def incident_name(day: date, number: int) -> str:
    """The name of the *number*-th incident of a workspace on the UTC *day*; at least three digits, never sorted as text."""
    return f"{incident_name_prefix(day)}{number:03d}"


@lru_cache(maxsize=16)
def incident_name_prefix(day: date) -> str:
    """What the names of a UTC day begin with."""
    return f"INC-{day:%Y%m%d}-"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a caller used to point at an incident: its row number or its name; exactly one is set."""

    pk: int | None = None
    name: str = ""


def parse_reference(text: str) -> Reference | None:
    """Read an id or a name as a caller wrote it; None when it is neither."""
    if match := INCIDENT_ID.match(text):
        return Reference(pk=int(match[1], 16))
    if INCIDENT_NAME.match(text):
        return Reference(name=text)
    return None


class IncidentReference:
    """An incident's id or name in a path. Strict, so that ``/incidents/noisy`` is never one."""

    regex = REFERENCE_PATTERN

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(IncidentReference, "incident")
