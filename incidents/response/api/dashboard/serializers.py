"""Shapes of the dashboard dialect. Notes and history come in ``context``, loaded for a whole list at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from aiops.access.actors import ActorKind
from aiops.api.fields import InstantField
from incidents.core import selectors
from incidents.core.models import Incident, TimelineEntry
from incidents.response.api.dashboard import vocab
from incidents.response.api.fields import WordField

MILLISECONDS = "milliseconds"


def who(entry: TimelineEntry) -> str:
    """Who did it: ``user_1`` for a person, ``system``, else the name of what did it."""
    return f"user_{entry.actor_id}" if entry.actor_kind == ActorKind.USER else entry.actor_label


class NoteOut(serializers.Serializer):
    userId = serializers.SerializerMethodField()
    userEmail = serializers.SerializerMethodField()
    userName = serializers.CharField(source="actor_label")
    content = serializers.CharField(source="text")
    createdAt = InstantField(source="at", timespec=MILLISECONDS)

    def get_userId(self, entry: TimelineEntry) -> str:
        return who(entry)

    def get_userEmail(self, entry: TimelineEntry) -> str | None:
        return entry.data.get("email")


class StatusChangeOut(serializers.Serializer):
    status = serializers.CharField(source="to_status")
    changedBy = serializers.SerializerMethodField()
    changedAt = InstantField(source="at", timespec=MILLISECONDS)

    def get_changedBy(self, entry: TimelineEntry) -> str:
        return who(entry)


class Measured(serializers.Field):
    """A field of what a metric alert measured, as it was sent; null for an incident that comes from none."""

    def __init__(self, key: str, **kwargs: Any) -> None:
        self.key = key
        super().__init__(source="*", allow_null=True, **kwargs)

    def to_representation(self, value: Incident) -> Any:
        return value.metric.get(self.key)


class MeasuredText(Measured, serializers.CharField):
    pass


class MeasuredNumber(Measured, serializers.FloatField):
    pass


class IncidentOut(serializers.Serializer):
    _id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    title = serializers.CharField()
    ruleId = MeasuredText("rule_id")
    ruleName = serializers.SerializerMethodField(help_text="The rule's name, else the title.")
    metric = MeasuredText("metric")
    threshold = MeasuredNumber("threshold")
    actualValue = MeasuredNumber("actual_value")
    severity = WordField(vocab.SEVERITIES)
    status = WordField(vocab.STATUSES)
    assignedTo = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()
    statusHistory = serializers.SerializerMethodField()
    firedAt = InstantField(source="created_at", timespec=MILLISECONDS)
    acknowledgedAt = InstantField(source="acknowledged_at", timespec=MILLISECONDS, allow_null=True)
    resolvedAt = InstantField(source="resolved_at", timespec=MILLISECONDS, allow_null=True)
    resolvedBy = serializers.SerializerMethodField()
    closedAt = InstantField(source="closed_at", timespec=MILLISECONDS, allow_null=True)
    createdAt = InstantField(source="created_at", timespec=MILLISECONDS)
    updatedAt = InstantField(source="updated_at", timespec=MILLISECONDS)

    def get_ruleName(self, incident: Incident) -> str:
        return incident.metric.get("rule_name") or incident.title

    def get_assignedTo(self, incident: Incident) -> str | None:
        return f"user_{incident.assignee_id}" if incident.assignee_id else None

    def get_resolvedBy(self, incident: Incident) -> str | None:
        return incident.resolved_by or None

    @extend_schema_field(NoteOut(many=True))
    def get_notes(self, incident: Incident) -> list[dict[str, Any]]:
        return [self.note.to_representation(entry) for entry in self.context["notes"].get(incident.pk, ())]

    @extend_schema_field(StatusChangeOut(many=True))
    def get_statusHistory(self, incident: Incident) -> list[dict[str, Any]]:
        return [self.change.to_representation(entry) for entry in self.context["history"].get(incident.pk, ())]

    @cached_property
    def note(self) -> NoteOut:
        """One serializer for the notes of a whole list: making one takes longer than using it."""
        return NoteOut()

    @cached_property
    def change(self) -> StatusChangeOut:
        """As :attr:`note`, for the history."""
        return StatusChangeOut()


def shown(incidents: Sequence[Incident], now: datetime) -> list[dict[str, Any]]:
    """*incidents* with their notes and history: two queries for any number of them."""
    context = {"now": now, "notes": selectors.notes(incidents), "history": selectors.status_history(incidents)}
    return list(IncidentOut(incidents, many=True, context=context).data)


class IncidentListOut(serializers.Serializer):
    incidents = IncidentOut(many=True)
    openCount = serializers.IntegerField(help_text="How many are open, whatever the filters.")


class OneIncidentOut(serializers.Serializer):
    incident = IncidentOut()


class StatusIn(serializers.Serializer):
    status = serializers.ChoiceField(
        choices=list(vocab.STATUSES.values()),
        error_messages={
            "required": "Status is required",
            "null": "Status is required",
            "invalid_choice": f"Invalid status. Must be one of: {', '.join(vocab.STATUSES.values())}",
        },
        help_text="The status that the incident shall have.",
    )

    def validate_status(self, value: str) -> Any:
        return next(status for status, word in vocab.STATUSES.items() if word == value)


NO_CONTENT = "Note content is required"


class NoteIn(serializers.Serializer):
    content = serializers.CharField(
        error_messages=dict.fromkeys(("required", "null", "blank", "invalid"), NO_CONTENT),
        help_text="The text of the note.",
    )
