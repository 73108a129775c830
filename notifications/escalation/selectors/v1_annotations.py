"""Annotations of escalations for clients of v1: present while an escalation goes on, absent afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F

from aiops.kernel.clock import rfc3339
from incidents.choices import LIVE
from notifications.escalation.lifecycle import GOING_ON
from notifications.escalation.models import EscalationRun

PREFIX = "platform.chatcli.io/escalation"


def escalation_annotations(incident_ids: Sequence[int], *, now: datetime) -> dict[int, dict[str, str]]:
    """Per live incident of which somebody was told: the level (from 0), since when, and by which policy. One query."""
    runs = EscalationRun.objects.filter(
        incident_id__in=incident_ids,
        episode=F("incident__episode"),
        incident__status__in=LIVE,
        state__in=GOING_ON,
        level__isnull=False,
        version__isnull=False,
    )
    told = runs.values_list("incident_id", "level", "level_at", "version__policy__name")
    return {
        pk: {
            f"{PREFIX}-level": str(level),
            f"{PREFIX}-time": rfc3339(at, timespec="seconds") or "",
            f"{PREFIX}-policy": policy,
        }
        for pk, level, at, policy in told
    }
