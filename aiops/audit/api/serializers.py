"""The shapes of v1's audit: one item holds the words of both known contracts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from aiops.api.fields import InstantField
from aiops.api.v1 import API_VERSION, Constant, ListMetadata
from aiops.audit.api import vocab
from aiops.audit.models import AuditEvent

DETAIL = 200  # characters of one value in the flat detail


class AuditEventItem(serializers.Serializer):
    """One event, flat."""

    id = serializers.CharField(source="pk")
    name = serializers.SerializerMethodField(help_text="`audit-` and the id.")
    namespace = serializers.CharField(help_text="The object's namespace, `default` where it has none.")
    timestamp = InstantField(source="at")
    creationTimestamp = InstantField(source="at")
    action = serializers.CharField(source="verb", help_text="The object's kind and what was done: `incident.resolve`.")
    eventType = serializers.SerializerMethodField(help_text="`issue_resolved`, `config_changed` and so on.")
    severity = serializers.SerializerMethodField(help_text="`info`, `warning` or `critical`.")
    user = serializers.CharField(source="actor_label", help_text="Who did it.")
    role = serializers.CharField(source="actor_role", help_text="The role held then, empty where there was none.")
    actorType = serializers.SerializerMethodField(help_text="`user`, `system` or `controller`.")
    actorName = serializers.CharField(source="actor_label")
    resource = serializers.CharField(source="object_name")
    resourceType = serializers.CharField(source="object_kind")
    resourceKind = serializers.CharField(source="object_kind")
    resourceName = serializers.CharField(source="object_name")
    resourceId = serializers.CharField(source="object_id")
    resourceNamespace = serializers.SerializerMethodField()
    correlationId = serializers.SerializerMethodField(help_text="The incident's id, empty for events about none.")
    detail = serializers.SerializerMethodField(help_text="`details` in one line: `status=resolved; …`.")
    details = serializers.SerializerMethodField(help_text="`before` and `after`: what differs, without secrets.")
    sourceIP = serializers.CharField(source="address")
    userAgent = serializers.CharField(source="user_agent")
    door = serializers.CharField(
        help_text="What the actor came in through: `console`, `v1`, `chat`, `timer` and so on."
    )

    def get_name(self, event: AuditEvent) -> str:
        return f"audit-{event.pk}"

    def get_eventType(self, event: AuditEvent) -> str:
        return vocab.type_of(event.verb)

    def get_severity(self, event: AuditEvent) -> str:
        return vocab.severity_of(event.verb)

    def get_actorType(self, event: AuditEvent) -> str:
        return vocab.ACTORS.get(event.actor_kind, "controller")  # type: ignore[call-overload]

    def get_resourceNamespace(self, event: AuditEvent) -> str:
        return event.namespace or "default"

    def get_correlationId(self, event: AuditEvent) -> str:
        return f"inc-{event.incident_id:08x}" if event.incident_id else ""  # as incidents write their id

    def get_detail(self, event: AuditEvent) -> str:
        told = event.after if event.after is not None else event.before or {}
        return "; ".join(f"{name}={_short(value)}" for name, value in told.items())

    def get_details(self, event: AuditEvent) -> dict[str, Any]:
        return {"before": event.before, "after": event.after}

    def to_representation(self, instance: AuditEvent) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return shown | {"namespace": instance.namespace or "default"}


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= DETAIL else f"{text[: DETAIL - 1]}…"


class AuditLogListOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("AuditLogList")
    metadata = ListMetadata()
    items = AuditEventItem(many=True)


class AuditEventExportOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("AuditEventExport")
    exportedAt = InstantField()
    totalCount = serializers.IntegerField()
    items = AuditEventItem(many=True)
