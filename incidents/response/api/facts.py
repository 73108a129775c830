"""The facts of a timeline entry, translated into a dialect's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiops.kernel.clock import rfc3339
from incidents.choices import Severity

DEFAULT_RESOLUTION = "Manually resolved via dashboard"  # contract: of a request that names none

BY_WORD = {severity.word: severity for severity in Severity}


def told(data: Mapping[str, Any], severities: Mapping[Severity, str]) -> dict[str, Any]:
    """*data* with its severity in the dialect's word and its instants as whole seconds with ``Z``."""
    shown = dict(data)
    if (severity := BY_WORD.get(shown.get("severity", ""))) is not None:
        shown["severity"] = severities[severity]
    if shown.get("until"):
        shown["until"] = rfc3339(datetime.fromisoformat(shown["until"]), timespec="seconds")
    return shown
