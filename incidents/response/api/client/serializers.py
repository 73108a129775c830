"""Shapes of the client dialect. Times are whole seconds in UTC with ``Z``; the contract's samples without a zone mean
the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers

from aiops.api.fields import DurationField, InstantField
from aiops.kernel.clock import rfc3339
from incidents.core.models import Incident, TimelineEntry
from incidents.ids import incident_id
from incidents.response.api.client import vocab
from incidents.response.api.facts import translated
from incidents.response.api.fields import StateField, WordField
from incidents.response.services.incidents import LONGEST_SNOOZE, MAX_NOTE

ACTOR_LABEL = Incident._meta.get_field("acknowledged_by").max_length


class IncidentItem(serializers.Serializer):
    """One row of a list."""

    id = serializers.CharField(source="public_id")
    title = serializers.CharField()
    severity = WordField(vocab.SEVERITIES)
    source = serializers.CharField(source="source_name")  # type: ignore[assignment]
    state = StateField(vocab.STATES)
    namespace = serializers.CharField()
    pod = serializers.CharField()
    deployment = serializers.CharField()
    created_at = InstantField()
    resolved_at = InstantField(allow_null=True)
    workspace_id = serializers.CharField(source="workspace.slug")


class IncidentDetail(IncidentItem):
    """The row, and what else is known."""

    name = serializers.CharField()
    description = serializers.CharField()
    service = serializers.CharField(source="service.name")
    occurrences = serializers.IntegerField()
    last_seen_at = InstantField()
    acknowledged_at = InstantField(allow_null=True)
    acknowledged_by = serializers.CharField()
    snoozed_until = serializers.SerializerMethodField()
    resolved_by = serializers.CharField()
    resolution = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())

    def get_snoozed_until(self, incident: Incident) -> str | None:
        return rfc3339(incident.snoozed_until, timespec="seconds") if incident.is_snoozed(self.context["now"]) else None


class IncidentListOut(serializers.Serializer):
    incidents = IncidentItem(many=True)
    count = serializers.IntegerField(help_text="How many are in this answer.")


class IncidentMetrics(serializers.Serializer):
    """How long people took, in minutes with one decimal."""

    time_to_first_response_minutes = serializers.SerializerMethodField(help_text="Until it was acknowledged.")
    resolution_time_minutes = serializers.SerializerMethodField()
    actions_taken = serializers.SerializerMethodField()

    def get_time_to_first_response_minutes(self, incident: Incident) -> float | None:
        return minutes_between(incident.created_at, incident.acknowledged_at)

    def get_resolution_time_minutes(self, incident: Incident) -> float | None:
        return minutes_between(incident.created_at, incident.resolved_at)

    def get_actions_taken(self, incident: Incident) -> int:
        return incident.remediation_attempts


def minutes_between(start: datetime, end: datetime | None) -> float | None:
    """The span in minutes, to one decimal; None while it lasts."""
    return round((end - start).total_seconds() / 60, 1) if end else None


class DetailOut(serializers.Serializer):
    incident = IncidentDetail(source="*")
    metrics = IncidentMetrics(source="*")
    actions = serializers.ListField(child=serializers.DictField(), default=list)


class CommandOut(serializers.Serializer):
    ok = serializers.BooleanField()
    incident = IncidentDetail()


class TimelineEvent(serializers.Serializer):
    event_type = serializers.CharField(source="kind")
    actor = serializers.CharField(source="actor_label")
    payload = serializers.SerializerMethodField()
    created_at = InstantField(source="at")

    def get_payload(self, entry: TimelineEntry) -> dict[str, Any]:
        """The facts of the entry; for a change of status also where from and to, and what a person wrote."""
        moved = {"from": entry.from_status, "to": entry.to_status} if entry.from_status else {}
        return {**translated(entry.data, vocab.SEVERITIES), **moved, **({"text": entry.text} if entry.text else {})}


class TimelineOut(serializers.Serializer):
    incident_id = serializers.CharField()
    events = TimelineEvent(many=True)
    count = serializers.IntegerField()


class NoteOut(serializers.Serializer):
    content = serializers.CharField(source="text")
    author = serializers.CharField(source="actor_label")
    created_at = InstantField(source="at")


class NotedOut(CommandOut):
    note = NoteOut()


class DeadLetterOut(serializers.Serializer):
    payload = serializers.JSONField(help_text="The body as JSON when it is some, else as text; cut at 64 KiB.")
    source = serializers.CharField()  # type: ignore[assignment]
    error = serializers.CharField()
    timestamp = InstantField()


class DeadLettersOut(serializers.Serializer):
    entries = DeadLetterOut(many=True)
    count = serializers.IntegerField()


class AcknowledgeIn(serializers.Serializer):
    by = serializers.CharField(
        required=False, allow_blank=True, max_length=ACTOR_LABEL, help_text="Default: the caller."
    )
    message = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_NOTE, help_text="What the person is going to do."
    )


ONE_OF = "duration: give one of duration, minutes and until"


class MinutesField(serializers.FloatField):
    """In: a number of minutes that a snooze may last. A flag is none, though Python counts with it."""

    default_error_messages = {"out_of_bounds": f"must be over 0 and at most {LONGEST_SNOOZE // timedelta(minutes=1)}"}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool):
            self.fail("invalid")
        minutes = super().to_internal_value(data)
        if not 0 < minutes <= LONGEST_SNOOZE / timedelta(minutes=1):
            self.fail("out_of_bounds")
        return timedelta(minutes=minutes)


class SnoozeIn(serializers.Serializer):
    """For how long, said in one of three ways."""

    duration = DurationField(required=False, help_text="Such as 30m, 1h or 2h30m.")
    minutes = MinutesField(required=False, help_text="A number of minutes, over 0 and at most 43200.")
    until = InstantField(required=False, help_text="A time ahead, by at most 720h (RFC 3339 with its zone).")
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_NOTE, help_text="Why nobody needs to be paged until then."
    )
    by = serializers.CharField(
        required=False, allow_blank=True, max_length=ACTOR_LABEL, help_text="Default: the caller."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Whichever was given becomes ``duration``."""
        ways = [name for name in ("duration", "minutes", "until") if name in attrs]
        if len(ways) != 1:
            raise serializers.ValidationError(ONE_OF)
        value = attrs.pop(ways[0])
        if ways == ["until"]:
            value -= self.context["now"]
            if not timedelta(0) < value <= LONGEST_SNOOZE:
                raise serializers.ValidationError({"until": "must lie ahead, by at most 720h"})
        return attrs | {"duration": value}


class ResolveIn(serializers.Serializer):
    resolution = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=MAX_NOTE,
        help_text='What it was and what ended it. Default: "Manually resolved via dashboard".',
    )


class NoteIn(serializers.Serializer):
    content = serializers.CharField(max_length=MAX_NOTE, help_text="The text of the note.")


def timeline(incident: Incident, entries: list[TimelineEntry]) -> dict[str, Any]:
    """What happened, oldest first."""
    events = TimelineEvent(entries, many=True).data
    return {"incident_id": incident_id(incident.pk), "events": events, "count": len(events)}
