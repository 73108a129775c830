"""Shapes of v1's paging resources."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from aiops.api.fields import InstantField
from aiops.api.v1 import API_VERSION, Constant, ListMetadata
from incidents.choices import Severity
from notifications.choices import ChannelKind, DeliveryState, Purpose, RunState
from notifications.escalation.api.v1.levels import KINDS
from notifications.escalation.definition import LONGEST, REPEATS, STEPS, TARGETS

SEVERITIES = [severity.word for severity in reversed(Severity)]
NONE = "none"  # the state of an incident that nobody escalates


class Metadata(serializers.Serializer):
    name = serializers.CharField()
    namespace = serializers.CharField()
    uid = serializers.CharField()
    createdAt = InstantField(required=False)
    creationTimestamp = InstantField(required=False)


# --- escalation policies -----------------------------------------------------------------------------------------------------


class TargetField(serializers.Serializer):
    type = serializers.ChoiceField(list(KINDS))
    name = serializers.CharField(
        required=False, help_text="A username, the name of a team or schedule, the label of a shared destination."
    )


class WindowField(serializers.Serializer):
    days = serializers.ListField(child=serializers.IntegerField(), required=False)
    time_zone = serializers.CharField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        return {**super().get_fields(), "from": serializers.CharField(), "to": serializers.CharField()}


class ConditionsField(serializers.Serializer):
    severities = serializers.ListField(child=serializers.CharField(), required=False)
    priorities = serializers.ListField(child=serializers.CharField(), required=False)
    window = WindowField(required=False, allow_null=True)


class LevelField(serializers.Serializer):
    """One level. ``notifyChannels`` are the targets of type channel once more, by label."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=100)
    timeoutMinutes = serializers.IntegerField(
        required=False, min_value=0, max_value=LONGEST, help_text="Before the next level is told; default 15."
    )
    targets = serializers.ListField(child=TargetField(), required=False, max_length=TARGETS)
    notifyChannels = serializers.ListField(child=serializers.CharField(), required=False, max_length=TARGETS)
    repeatIntervalMinutes = serializers.IntegerField(required=False, min_value=0, max_value=LONGEST)
    repeatTimes = serializers.IntegerField(
        required=False, min_value=0, max_value=REPEATS, help_text="Default: as often as fits into the timeout."
    )
    conditions = ConditionsField(required=False)
    otherwise = serializers.ChoiceField(["skip", "stop"], required=False)
    urgency = serializers.ChoiceField(["auto", "high", "low"], required=False)


class PolicySpec(serializers.Serializer):
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=5000, help_text="What the policy is for."
    )
    enabled = serializers.BooleanField(required=False, help_text="Whether new incidents may take it. Default: true.")
    defaultPolicy = serializers.BooleanField(required=False, help_text="Whether it is the workspace's default policy.")
    severities = serializers.ListField(
        child=serializers.ChoiceField(SEVERITIES), required=False, help_text="None: every one."
    )
    levels = serializers.ListField(
        child=LevelField(), min_length=1, max_length=STEPS, help_text="Who is paged in turn, 1 to 20 levels."
    )
    initialDelayMinutes = serializers.IntegerField(
        required=False, min_value=0, max_value=LONGEST, help_text="Minutes before the first level is paged. Default 0."
    )
    repeat = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=REPEATS,
        help_text="How often all levels come again after the last one. Default 0.",
    )
    acknowledgeMinutes = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LONGEST,
        help_text="Minutes for which an acknowledgement holds; null: until it is given back.",
    )
    fallbackChannels = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        max_length=TARGETS,
        help_text="Labels of the destinations that are notified when no level is left.",
    )
    stopAfterMinutes = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LONGEST,
        help_text="Minutes after which the policy stops; null: never.",
    )
    stopBelowSeverity = serializers.ChoiceField(
        SEVERITIES,
        required=False,
        allow_null=True,
        help_text="The policy stops for incidents below this severity; null: never.",
    )


class PolicyIn(PolicySpec):
    """Flat, or as ``{"metadata": {"name"}, "spec": {…}}``."""

    name = serializers.CharField(max_length=200, help_text="The name of the policy, unique in the workspace.")


class ActiveEscalation(serializers.Serializer):
    issueName = serializers.CharField()
    currentLevel = serializers.IntegerField(allow_null=True, help_text="From 0; null: nobody was told yet.")
    escalatedAt = InstantField(allow_null=True)
    acknowledgedAt = InstantField(allow_null=True)
    acknowledgedBy = serializers.CharField(allow_null=True)


class PolicyStatus(serializers.Serializer):
    version = serializers.IntegerField()
    activeEscalations = ActiveEscalation(many=True)
    totalEscalations = serializers.IntegerField()


class PolicyOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("EscalationPolicy")
    metadata = Metadata()
    resourceMeta = Metadata()
    spec = PolicySpec()
    status = PolicyStatus()


class PolicyItem(PolicySpec):
    """One row of a list: flat."""

    name = serializers.CharField()
    namespace = serializers.CharField()
    uid = serializers.CharField()
    creationTimestamp = InstantField()
    status = PolicyStatus()


class PolicyListOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("EscalationPolicyList")
    metadata = ListMetadata()
    items = PolicyItem(many=True)


# --- notification policies ---------------------------------------------------------------------------------------------------


class RuleSpec(serializers.Serializer):
    """A route."""

    enabled = serializers.BooleanField(required=False, help_text="Whether the route is used. Default: true.")
    position = serializers.IntegerField(
        required=False, min_value=0, max_value=32_767, help_text="Its place in the list, from 0."
    )
    severities = serializers.ListField(
        child=serializers.ChoiceField(SEVERITIES), required=False, help_text="None: every one."
    )
    service = serializers.CharField(required=False, allow_null=True, help_text="The service's name; null: any.")
    team = serializers.CharField(required=False, allow_null=True, help_text="The team's name; null: any.")
    matchLabels = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Patterns with * and ?."
    )
    window = WindowField(required=False, allow_null=True, help_text="The hours of the week; null: always.")
    channels = serializers.ListField(child=serializers.CharField(), required=False, help_text="Kinds: slack, email, …")
    destinations = serializers.ListField(child=serializers.CharField(), required=False, help_text="Labels.")


class RouteIn(RuleSpec):
    """Flat, or as ``{"metadata": {"name"}, "spec": {…}}``."""

    name = serializers.CharField(max_length=200, help_text="The name of the route, unique in the workspace.")


class RouteOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("NotificationPolicy")
    metadata = Metadata()
    resourceMeta = Metadata()
    spec = RuleSpec()


class RouteItem(RuleSpec):
    name = serializers.CharField()
    namespace = serializers.CharField()
    uid = serializers.CharField()


class RouteListOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("NotificationPolicyList")
    metadata = ListMetadata()
    items = RouteItem(many=True)


class DeletedOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("Status")
    status = serializers.CharField()
    name = serializers.CharField()


# --- of an incident ------------------------------------------------------------------------------------------------------------


class NotificationItem(serializers.Serializer):
    """One message, from intent to receipt."""

    name = serializers.CharField(help_text="dlv-…")
    purpose = serializers.ChoiceField([str(purpose) for purpose in Purpose])
    channel = serializers.ChoiceField([str(kind) for kind in ChannelKind])
    destination = serializers.CharField(allow_null=True, help_text="Its label, where it is shared or your own.")
    recipient = serializers.CharField(allow_null=True)
    level = serializers.IntegerField(allow_null=True, help_text="From 0; null where it belongs to none.")
    state = serializers.ChoiceField([str(state) for state in DeliveryState])
    reason = serializers.CharField(allow_blank=True)
    attempts = serializers.IntegerField()
    maybeTwice = serializers.BooleanField()
    createdAt = InstantField()
    sentAt = InstantField(allow_null=True)
    deliveredAt = InstantField(allow_null=True)
    readAt = InstantField(allow_null=True)


class NotificationListOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("NotificationList")
    metadata = ListMetadata()
    items = NotificationItem(many=True)


class IncidentMeta(serializers.Serializer):
    name = serializers.CharField()
    namespace = serializers.CharField()


class EscalationSpec(serializers.Serializer):
    policy = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    levels = serializers.ListField(child=serializers.CharField())


class EscalationStatus(serializers.Serializer):
    state = serializers.ChoiceField([*(str(state) for state in RunState), NONE])
    reason = serializers.CharField(allow_blank=True)
    currentLevel = serializers.IntegerField(allow_null=True)
    levelName = serializers.CharField(allow_null=True)
    startedAt = InstantField(allow_null=True)
    escalatedAt = InstantField(allow_null=True, help_text="When the current level was told.")
    nextStepAt = InstantField(allow_null=True)
    nextStep = serializers.CharField(allow_null=True)
    acknowledgedAt = InstantField(allow_null=True)
    acknowledgedBy = serializers.CharField(allow_null=True)


class EscalationOut(serializers.Serializer):
    apiVersion = Constant(API_VERSION)
    kind = Constant("IncidentEscalation")
    metadata = IncidentMeta()
    spec = EscalationSpec()
    status = EscalationStatus()


class EscalateIn(serializers.Serializer):
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=20_000, help_text="Why more people are needed."
    )


def flattened(body: dict[str, Any]) -> dict[str, Any]:
    """A body in either of the two forms, as the flat one."""
    spec, metadata = body.get("spec"), body.get("metadata")
    if not isinstance(spec, dict):
        return body
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return {**spec, **({"name": name} if name is not None else {})}
