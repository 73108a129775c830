"""Which policies page a schedule."""

from __future__ import annotations

from collections.abc import Sequence

from notifications.escalation.models import EscalationPolicy


def policies_of_schedules(schedule_ids: Sequence[int], *, workspace_id: int) -> dict[int, list[str]]:
    """The names of the policies whose version in force names each schedule. One query per schedule."""
    found = {}
    for pk in schedule_ids:
        target = {"targets": [{"kind": "schedule", "id": pk}]}
        policies = EscalationPolicy.objects.filter(
            workspace_id=workspace_id, version__definition__steps__contains=[target]
        )
        if names := list(policies.values_list("name", flat=True)):
            found[pk] = names
    return found
