"""Refusals of the core beyond the kernel's and the lifecycle's."""

from __future__ import annotations

from aiops.kernel.errors import Conflict


class NewerIncidentLive(Conflict):
    """A reopen would make two live incidents of one problem; ``data['incident']`` names the newer one."""

    code = "newer_incident_live"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Can't reopen: {name} is live for the same problem",
            details=f"Work on {name}, or end it first.",
            data={"incident": name},
        )


class NothingToDo(Conflict):
    """The incident is that way already (not snoozed, so it can't be woken, …)."""

    code = "nothing_to_do"
