"""Shapes of v1: the flat item of a list, the whole object, the object after a resolve, and the bodies of commands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from aiops.api.fields import DurationField, InstantField
from aiops.api.v1 import API_VERSION, Constant, ListMetadata
from incidents.core.models import Incident
from incidents.response.api.facts import DEFAULT_RESOLUTION
from incidents.response.api.fields import StateField, WordField
from incidents.response.api.v1 import vocab
from incidents.response.api.v1.fields import (
    AnnotationsField,
    LabelsField,
    NamespaceField,
    PersonField,
    PriorityField,
    TextOrNull,
)
from incidents.response.services.incidents import MAX_NOTE

ACTOR_LABEL = Incident._meta.get_field("acknowledged_by").max_length


class ResourceRef(serializers.Serializer):
    kind = serializers.CharField(source="resource_kind")
    name = serializers.CharField(source="resource_name")
    namespace = NamespaceField()


class IncidentMetadata(serializers.Serializer):
    name = serializers.CharField()
    namespace = NamespaceField()
    uid = serializers.CharField(source="public_id")
    createdAt = InstantField(source="created_at")
    creationTimestamp = InstantField(source="created_at")
    labels = LabelsField()
    annotations = AnnotationsField()


class IncidentSpec(serializers.Serializer):
    resourceRef = ResourceRef(source="*")
    severity = WordField(vocab.SEVERITIES)
    signalType = serializers.CharField(source="signal_type")
    title = serializers.CharField()
    description = serializers.CharField()
    source = serializers.CharField(source="source_name")  # type: ignore[assignment]
    service = serializers.CharField(source="service.name")
    priority = PriorityField()
    assignedTo = PersonField(source="assignee")


class IncidentStatus(serializers.Serializer):
    state = StateField(vocab.STATES)
    resolution = TextOrNull()
    resolvedAt = InstantField(source="resolved_at", allow_null=True)
    detectedAt = InstantField(source="created_at")
    remediationAttempts = serializers.IntegerField(source="remediation_attempts")
    escalatedAt = InstantField(source="escalated_at", allow_null=True)
    acknowledged = serializers.SerializerMethodField()
    acknowledgedBy = TextOrNull(source="acknowledged_by")
    acknowledgedAt = InstantField(source="acknowledged_at", allow_null=True)
    message = TextOrNull(source="acknowledge_message")
    snoozed = serializers.SerializerMethodField()
    snoozedBy = TextOrNull(source="snoozed_by")
    snoozedAt = InstantField(source="snoozed_at", allow_null=True)
    snoozeUntil = InstantField(source="snoozed_until", allow_null=True)
    snoozeReason = TextOrNull(source="snooze_reason")
    occurrences = serializers.IntegerField()
    lastSeenAt = InstantField(source="last_seen_at")

    SNOOZE = ("snoozedBy", "snoozedAt", "snoozeUntil", "snoozeReason")

    def get_acknowledged(self, incident: Incident) -> bool:
        return incident.acknowledged_at is not None

    def get_snoozed(self, incident: Incident) -> bool:
        return incident.is_snoozed(self.context["now"])

    def to_representation(self, instance: Incident) -> dict[str, Any]:
        shown = super().to_representation(instance)
        # A snooze that is over is history, which the timeline tells.
        return shown if shown["snoozed"] else shown | dict.fromkeys(self.SNOOZE)


class IncidentOut(serializers.Serializer):
    """The whole object. ``resourceMeta`` repeats ``metadata`` for clients that know it by that name."""

    apiVersion = Constant(API_VERSION)
    kind = Constant("Incident")
    metadata = IncidentMetadata(source="*")
    resourceMeta = IncidentMetadata(source="*")
    spec = IncidentSpec(source="*")
    status = IncidentStatus(source="*")


class IncidentItem(serializers.Serializer):
    """One row of a list: flat."""

    name = serializers.CharField()
    namespace = NamespaceField()
    uid = serializers.CharField(source="public_id")
    severity = WordField(vocab.SEVERITIES)
    state = StateField(vocab.STATES)
    resource = serializers.SerializerMethodField(help_text="Kind/name; empty when the signal named none.")
    resourceRef = ResourceRef(source="*")
    signalType = serializers.CharField(source="signal_type")
    source = serializers.CharField(source="source_name")  # type: ignore[assignment]
    title = serializers.CharField()
    description = serializers.CharField()
    detectedAt = InstantField(source="created_at")
    resolvedAt = InstantField(source="resolved_at", allow_null=True)
    resolution = TextOrNull()
    escalatedAt = InstantField(source="escalated_at", allow_null=True)
    age = serializers.SerializerMethodField(help_text="Since it was detected, in its largest unit: 45s, 5m, 3h, 12d.")
    assignedTo = PersonField(source="assignee")
    remediationAttempts = serializers.IntegerField(source="remediation_attempts")
    occurrences = serializers.IntegerField()
    creationTimestamp = InstantField(source="created_at")
    labels = LabelsField()
    annotations = AnnotationsField()

    def get_resource(self, incident: Incident) -> str:
        return "/".join(filter(None, (incident.resource_kind, incident.resource_name)))

    def get_age(self, incident: Incident) -> str:
        return age(self.context["now"] - incident.created_at)


def age(since: timedelta) -> str:
    """A span in its largest whole unit."""
    seconds = max(0, int(since.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class IncidentListOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("IncidentList")
    metadata = ListMetadata()
    items = IncidentItem(many=True)


class ResolvedMetadata(serializers.Serializer):
    name = serializers.CharField()
    namespace = NamespaceField()
    annotations = AnnotationsField()


class ResolvedSpec(serializers.Serializer):
    resourceRef = ResourceRef(source="*")
    severity = WordField(vocab.SEVERITIES)
    signalType = serializers.CharField(source="signal_type")


class ResolvedStatus(serializers.Serializer):
    state = StateField(vocab.STATES)
    resolution = serializers.CharField()
    resolvedAt = InstantField(source="resolved_at")
    detectedAt = InstantField(source="created_at")
    remediationAttempts = serializers.IntegerField(source="remediation_attempts")
    escalatedAt = InstantField(source="escalated_at", allow_null=True)


class ResolvedOut(serializers.Serializer):
    """What a resolve answers with: the contract's keys and no others."""

    apiVersion = Constant(API_VERSION)
    kind = Constant("Incident")
    metadata = ResolvedMetadata(source="*")
    spec = ResolvedSpec(source="*")
    status = ResolvedStatus(source="*")


class TimelineEvent(serializers.Serializer):
    timestamp = InstantField()
    type = serializers.CharField()
    source = serializers.CharField(help_text="Who did it.")  # type: ignore[assignment]
    message = serializers.CharField()
    severity = serializers.CharField(required=False)
    details = serializers.DictField(required=False)


class TimelineMetadata(serializers.Serializer):
    name = serializers.CharField()
    namespace = serializers.CharField()
    eventCount = serializers.IntegerField()


class TimelineOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("IncidentTimeline")
    metadata = TimelineMetadata()
    events = TimelineEvent(many=True)


class RemediationListOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("RemediationPlanList")
    metadata = ListMetadata()
    items = serializers.ListField(child=serializers.DictField())


class AcknowledgeIn(serializers.Serializer):
    acknowledgedBy = serializers.CharField(
        source="by", required=False, allow_blank=True, max_length=ACTOR_LABEL, help_text="Default: the caller."
    )
    message = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_NOTE, help_text="What the person is going to do."
    )


class SnoozeIn(serializers.Serializer):
    duration = DurationField(help_text="Go syntax (30m, 1h, 2h30m), over 0 and at most 720h.")
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_NOTE, help_text="Why nobody needs to be paged until then."
    )
    snoozedBy = serializers.CharField(
        source="by", required=False, allow_blank=True, max_length=ACTOR_LABEL, help_text="Default: the caller."
    )


class ResolveIn(serializers.Serializer):
    resolution = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=MAX_NOTE,
        help_text=f'Default: "{DEFAULT_RESOLUTION}".',
    )
