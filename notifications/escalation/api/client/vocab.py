"""The client dialect's words in paging. Severities are the contract's four; ``info`` here is our own info, not low."""

from __future__ import annotations

from incidents.choices import Severity

SEVERITIES: dict[str, Severity] = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "info": Severity.INFO,
}
ALIASES: dict[str, Severity] = {"medium": Severity.MEDIUM, "low": Severity.LOW}
