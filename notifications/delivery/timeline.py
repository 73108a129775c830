"""What paging writes into incidents' timelines, and its words there. Pure."""

from __future__ import annotations

from enum import StrEnum

from incidents.core import timeline
from incidents.core.timeline import Kind


class PagingKind(StrEnum):
    """The kinds of entry that paging writes; each says its own sentence (``data["said"]``)."""

    ESCALATION_STARTED = "escalation_started"
    ESCALATION_LEVEL = "escalation_level"
    ESCALATION_SKIPPED = "escalation_skipped"
    ESCALATION_PAUSED = "escalation_paused"
    ESCALATION_RESUMED = "escalation_resumed"
    ESCALATION_STOPPED = "escalation_stopped"
    ESCALATION_EXHAUSTED = "escalation_exhausted"
    NOTIFICATION_SENT = "notification_sent"
    NOTIFICATION_FAILED = "notification_failed"


_WORDS = {  # label, v1's type, tone
    PagingKind.ESCALATION_STARTED: ("Escalation started", "Escalation", ""),
    PagingKind.ESCALATION_LEVEL: ("Next level told", "Escalation", "warn"),
    PagingKind.ESCALATION_SKIPPED: ("Level skipped", "Escalation", ""),
    PagingKind.ESCALATION_PAUSED: ("Escalation paused", "Escalation", ""),
    PagingKind.ESCALATION_RESUMED: ("Escalation resumed", "Escalation", ""),
    PagingKind.ESCALATION_STOPPED: ("Escalation stopped", "Escalation", ""),
    PagingKind.ESCALATION_EXHAUSTED: ("Nobody answered", "Escalation", "alert"),
    PagingKind.NOTIFICATION_SENT: ("Notification sent", "Notification", "act"),
    PagingKind.NOTIFICATION_FAILED: ("Notification failed", "Notification", "alert"),
}


def register() -> None:
    """Register all of them (``AppConfig.ready``)."""
    for kind, (label, v1_type, tone) in _WORDS.items():
        timeline.register(
            Kind(word=kind.value, label=label, v1_type=v1_type, v1_source="notification-manager", tone=tone)
        )
