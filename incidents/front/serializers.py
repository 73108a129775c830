"""Serializers for the OpenAPI schema of ingest only. The parsers in ``sources/`` decide what is accepted."""

from __future__ import annotations

from rest_framework import serializers

from incidents.choices import Result
from incidents.ingest.sources import events


class WebhookBody(serializers.Serializer):
    """A generic alert. Unknown fields never cause a rejection; docs/sources.md lists the aliases."""

    title = serializers.CharField(help_text="What is wrong, in one line.")
    description = serializers.CharField(required=False, help_text="What else is known.")
    severity = serializers.CharField(required=False, help_text="critical, high, medium, low, info, or a known alias")
    status = serializers.CharField(required=False, help_text="firing (default), acknowledged or resolved, or an alias")
    dedup_key = serializers.CharField(required=False, help_text="Without one, title, service and resource identify it")
    source = serializers.CharField(required=False, help_text="The name of the sender.")  # type: ignore[assignment]
    service = serializers.CharField(required=False, help_text="The name of the service that it is about.")
    namespace = serializers.CharField(required=False, help_text="The Kubernetes namespace.")
    pod = serializers.CharField(required=False, help_text="The pod that it is about.")
    deployment = serializers.CharField(required=False, help_text="The deployment that it is about.")
    labels = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Further labels: texts by name."
    )


class WebhookItem(serializers.Serializer):
    """What became of one signal."""

    incident_id = serializers.CharField(allow_null=True)
    deduplicated = serializers.BooleanField()
    dedup_strategy = serializers.CharField(allow_null=True)
    group_id = serializers.CharField(allow_null=True)
    result = serializers.ChoiceField(Result.choices, required=False)
    reason = serializers.CharField(required=False)
    warnings = serializers.ListField(child=serializers.CharField(), required=False)


class WebhookAnswer(WebhookItem):
    """The first signal's, and all of them when there are several."""

    ok = serializers.BooleanField()
    incidents = WebhookItem(many=True, required=False)


class Refusal(serializers.Serializer):
    """Why not; ``field`` names what has to change."""

    detail = serializers.CharField()
    field = serializers.CharField(required=False)


class EventIssues(serializers.Serializer):
    issues = serializers.ListField(child=serializers.CharField())


class EventRefusal(serializers.Serializer):
    """Why not, and everything that is wrong with the event."""

    error = serializers.CharField()
    meta = EventIssues()


class AlertmanagerRefusal(serializers.Serializer):
    """As Alertmanager refuses: ``code`` is the HTTP status."""

    code = serializers.IntegerField()
    message = serializers.CharField()


class EventPayload(serializers.Serializer):
    """What a trigger tells."""

    summary = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    severity = serializers.CharField(required=False, help_text="critical, error, warning or info")
    timestamp = serializers.DateTimeField(required=False)
    component = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    custom_details = serializers.JSONField(required=False)


class EventBody(serializers.Serializer):
    """An event, as of PagerDuty's Events API version 2."""

    routing_key = serializers.CharField(help_text="The routing key of the service, from its page in the console.")
    event_action = serializers.ChoiceField(list(events.ACTIONS), help_text="What happened.")
    dedup_key = serializers.CharField(required=False, help_text="Needed to acknowledge and resolve")
    payload = EventPayload(required=False, help_text="Needed to trigger")


class EventIncident(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()


class EventResult(serializers.Serializer):
    action = serializers.CharField(help_text="triggered, deduplicated, acknowledged, resolved or ignored")
    dedup_key = serializers.CharField()
    incident = EventIncident(required=False)
    reason = serializers.CharField(required=False)


class EventAnswer(serializers.Serializer):
    """What became of the event."""

    status = serializers.CharField()
    result = EventResult()


class EnqueueAnswer(serializers.Serializer):
    """As PagerDuty answers."""

    status = serializers.CharField()
    message = serializers.CharField()
    dedup_key = serializers.CharField()


class EnqueueRefusal(serializers.Serializer):
    """As PagerDuty refuses: ``errors`` are texts."""

    status = serializers.CharField()
    message = serializers.CharField()
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class PrometheusAlert(serializers.Serializer):
    """An alert as Prometheus sends it to an Alertmanager."""

    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField(), required=False)
    startsAt = serializers.DateTimeField(required=False)
    endsAt = serializers.DateTimeField(required=False)
    generatorURL = serializers.CharField(required=False)
