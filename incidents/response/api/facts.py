"""The facts of a timeline entry, translated into a dialect's words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from aiops.kernel.clock import rfc3339
from incidents.choices import Severity

DEFAULT_RESOLUTION = "Manually resolved via dashboard"  # contract: of a request that names none

BY_WORD = {severity.word: severity for severity in Severity}


def translated(data: Mapping[str, Any], severities: Mapping[Severity, str]) -> dict[str, Any]:
    """*data* with its severity in the dialect's word and its instants as whole seconds with ``Z``."""
    shown = dict(data)
    severity, until = shown.get("severity"), shown.get("until")
    if isinstance(severity, str) and severity in BY_WORD:
        shown["severity"] = severities[BY_WORD[severity]]
    if isinstance(until, str):
        with suppress(ValueError):  # another app's words
            shown["until"] = rfc3339(datetime.fromisoformat(until), timespec="seconds")
    return shown
