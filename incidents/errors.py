"""Domain errors of the incident core, beyond those of the kernel and the transition table."""

from __future__ import annotations

from collections.abc import Sequence

from aiops.kernel.errors import Conflict, InvalidInput
from incidents.contracts import Outcome, Signal


class NewerIncidentLive(Conflict):
    """A reopen would make two live incidents of one problem; ``data['incident']`` names the newer one."""

    code = "newer_incident_live"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Can't reopen: {name} is live for the same problem",
            details=f"Work on {name}, or end it first.",
            data={"incident": name},
        )


class AmbiguousName(Conflict):
    """Several workspaces have an incident of this name; ``data['workspaces']`` names those that the caller may see."""

    code = "ambiguous_name"

    def __init__(self, name: str, workspaces: Sequence[str]) -> None:
        slugs = ", ".join(workspaces)
        super().__init__(
            f"{name} is the name of an incident in several workspaces: {slugs}",
            details="Say which one with the parameter workspace_id (an API key also with X-Workspace-Id), or use its id, inc-….",
            data={"workspaces": list(workspaces)},
        )


class PartlyRefused(InvalidInput):
    """Some signals of a batch can't be used, the others can: *signals* are to be stored, *refused* (each with its own piece of
    the body) to be kept with their reasons. As an error it is the first of those."""

    def __init__(self, signals: Sequence[Signal], refused: Sequence[tuple[InvalidInput, bytes]]) -> None:
        first = refused[0][0]
        super().__init__(first.message, details=first.details, field=first.field)
        self.signals, self.refused = signals, refused


class PartlyStored(InvalidInput):
    """Some signals of a request can't be used, the others are stored: *outcomes* of those, *errors* of these, which are kept.
    As an error it is the first of them."""

    def __init__(self, outcomes: Sequence[Outcome], errors: Sequence[InvalidInput]) -> None:
        super().__init__(errors[0].message, details=errors[0].details, field=errors[0].field)
        self.outcomes, self.errors = outcomes, errors


class NothingToDo(Conflict):
    """The incident is that way already (not snoozed, so it can't be woken, …)."""

    code = "nothing_to_do"
