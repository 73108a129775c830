"""The shapes of ``/notifications/…``."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from aiops.api.fields import InstantField
from notifications.choices import ChannelKind, DeliveryState
from notifications.delivery.models import Delivery, Destination
from notifications.escalation.api.client import vocab
from notifications.escalation.services.routes import Tried

KINDS = [str(kind) for kind in ChannelKind]
LONGEST_MESSAGE = 2000


class SeverityWord(serializers.ChoiceField):
    """In: critical, high, warning, info, or our own medium and low. Out: the contract's four."""

    default_error_messages = {"unknown": "must be one of critical, high, warning, info"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=list(vocab.SEVERITIES), **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        word = data.strip().lower() if isinstance(data, str) else ""
        found = vocab.SEVERITIES.get(word) or vocab.ALIASES.get(word)
        if found is None:
            self.fail("unknown")
        return found

    def to_representation(self, value: Any) -> str:
        return next((word for word, severity in vocab.SEVERITIES.items() if severity == value), "info")


class DestinationOut(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    channel = serializers.ChoiceField(KINDS, source="kind")
    label = serializers.CharField()  # type: ignore[assignment]


class RouteOut(serializers.Serializer):
    """A route. Its severities are the core's five: critical, high, medium, low, info; none: every one."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    position = serializers.IntegerField()
    severities = serializers.ListField(child=serializers.CharField())
    service = serializers.CharField(source="service.name", default=None, allow_null=True)
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    labels = serializers.DictField(child=serializers.CharField())
    window = serializers.DictField(help_text="days (0 is Monday), from, to, time_zone; empty: always.")
    channels = serializers.ListField(child=serializers.CharField())
    destinations = DestinationOut(source="destinations.all", many=True)


class RoutesOut(serializers.Serializer):
    """The contract's three, and the routes themselves. What a word of severity leads to is told without labels, hours and teams,
    which only ``routes`` has."""

    default_rules = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    service_overrides = serializers.DictField(
        child=serializers.DictField(child=serializers.ListField(child=serializers.CharField())),
        help_text="Per service and severity, all that such an incident is told to, where that is more than the default.",
    )
    registered_adapters = serializers.ListField(child=serializers.CharField())
    routes = RouteOut(many=True)


class RouteIn(serializers.Serializer):
    """What is left out stays as it is (or, for a new route, asks nothing)."""

    name = serializers.CharField(max_length=200, help_text="The name of the route, unique in the workspace.")
    enabled = serializers.BooleanField(required=False, help_text="Whether the route is used. Default: true.")
    position = serializers.IntegerField(
        required=False, min_value=0, max_value=32_767, help_text="Its place in the list, from 0."
    )
    severities = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="critical, high, medium, low, info."
    )
    service = serializers.CharField(required=False, allow_null=True, help_text="A service's name; null: any.")
    team = serializers.CharField(required=False, allow_null=True, help_text="A team's name; null: any.")
    labels = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Patterns: * and ? match as in file names."
    )
    window = serializers.DictField(
        required=False, allow_null=True, help_text="days (0 is Monday), from, to, time_zone; empty: always."
    )
    channels = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Kinds of channel: slack, email, …"
    )
    destinations = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="Ids of shared destinations."
    )


class SampleIn(serializers.Serializer):
    """An incident to try the routes with."""

    severity = SeverityWord(required=False, help_text="Default: critical.")
    service = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="The service's name. Default: the default service."
    )
    labels = serializers.DictField(
        child=serializers.CharField(), required=False, default=dict, help_text="The labels of the incident."
    )
    at = InstantField(required=False, help_text="When it opens (RFC 3339). Default: now.")


class RouteDestinationOut(serializers.Serializer):
    id = serializers.IntegerField(source="destination.pk")
    channel = serializers.ChoiceField(KINDS, source="destination.kind")
    label = serializers.CharField(source="destination.label")  # type: ignore[assignment]
    problem = serializers.CharField(allow_blank=True, help_text="Why nothing would be sent there; empty when it would.")


class TriedOut(serializers.Serializer):
    route = serializers.CharField(source="route.name")
    route_id = serializers.IntegerField(source="route.pk")
    matched = serializers.SerializerMethodField()
    why_not = serializers.CharField(allow_blank=True)
    destinations = RouteDestinationOut(many=True)

    def get_matched(self, tried: Tried) -> bool:
        return not tried.why_not


class DryRunOut(serializers.Serializer):
    service = serializers.CharField()
    severity = SeverityWord()
    routes = TriedOut(many=True)
    told = serializers.ListField(
        child=serializers.CharField(), help_text="The labels of whoever would be told, each once."
    )


class TestIn(serializers.Serializer):
    """In the query or as JSON; the query comes first."""

    severity = SeverityWord(required=False, help_text="Default: info.")
    service = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text="The service's name. Default: the default service.",
    )
    message = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=LONGEST_MESSAGE, help_text="The text of the message."
    )


class DeliveryOut(serializers.Serializer):
    id = serializers.CharField(source="public_id")
    channel = serializers.ChoiceField(KINDS, source="kind")
    destination = serializers.SerializerMethodField()
    state = serializers.ChoiceField([str(state) for state in DeliveryState])
    reason = serializers.CharField(allow_blank=True)
    sent_at = InstantField(allow_null=True)
    delivered_at = InstantField(allow_null=True)

    def get_destination(self, delivery: Delivery) -> str | None:
        destination: Destination | None = delivery.destination
        return destination.label if destination else None


class TestOut(serializers.Serializer):
    ok = serializers.BooleanField(help_text="Whether there was anybody to tell, and everybody was.")
    severity = SeverityWord()
    service = serializers.CharField()
    message = serializers.CharField()
    deliveries = DeliveryOut(many=True)
    routes = TriedOut(many=True)
    left_out = serializers.IntegerField(help_text="Destinations beyond the number that one test writes to.")
    warnings = serializers.ListField(child=serializers.CharField())


class ContactOut(serializers.Serializer):
    who = serializers.CharField()
    via = serializers.CharField()
    channel = serializers.CharField()
    minutes = serializers.IntegerField(help_text="After the incident opened.")
    note = serializers.CharField(allow_blank=True)


class TierOut(serializers.Serializer):
    tier = serializers.IntegerField(help_text="From 1.")
    name = serializers.CharField()
    after_minutes = serializers.IntegerField()
    reached = serializers.BooleanField(help_text="Whether its time has come after minutes_elapsed.")
    contacts = ContactOut(many=True)
    note = serializers.CharField(allow_blank=True, help_text="Why nobody was told, where nobody was.")


class NextOut(serializers.Serializer):
    tier = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    in_minutes = serializers.IntegerField()


class EndOut(serializers.Serializer):
    what = serializers.CharField(help_text="exhausted or stopped.")
    after_minutes = serializers.IntegerField()
    fallback = ContactOut(many=True)
    note = serializers.CharField(allow_blank=True)


class EscalationOut(serializers.Serializer):
    """What would have happened to an incident that opened *minutes_elapsed* ago and that nobody has answered."""

    service = serializers.CharField()
    severity = SeverityWord()
    policy = serializers.CharField(allow_null=True)
    minutes_elapsed = serializers.IntegerField()
    current_tier = serializers.IntegerField(allow_null=True)
    current_level = serializers.CharField(allow_null=True)
    announced = ContactOut(many=True)
    tiers = TierOut(many=True)
    next = NextOut(allow_null=True)
    end = EndOut()
    warnings = serializers.ListField(child=serializers.CharField())
