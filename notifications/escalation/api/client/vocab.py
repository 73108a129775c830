"""Words of the client dialect in paging: the contract's four severities. Its ``info`` is our info, not low."""

from __future__ import annotations

from incidents.choices import Severity

SEVERITIES: dict[str, Severity] = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "info": Severity.INFO,
}
ALIASES: dict[str, Severity] = {"medium": Severity.MEDIUM, "low": Severity.LOW}
