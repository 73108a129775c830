"""Serializer fields of v1's shapes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from incidents.choices import Priority
from incidents.core.models import Incident
from incidents.response.api.v1 import vocab
from incidents.response.api.v1.annotations import annotations_of


def shown_namespace(incident: Incident) -> str:
    """An incident without a namespace is in ``default``, as Kubernetes clients expect."""
    return incident.namespace or vocab.DEFAULT_NAMESPACE


class NamespaceField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", **kwargs)

    def to_representation(self, value: Any) -> str:
        return shown_namespace(value)


class AnnotationsField(serializers.DictField):
    """Ours, and those of the apps above, which the view has loaded for all incidents at once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", child=serializers.CharField(), **kwargs)

    def to_representation(self, value: Any) -> dict[str, str]:
        more = self.context.get("annotations", {}).get(value.pk, {})
        return annotations_of(value, self.context["now"]) | more


class LabelsField(serializers.DictField):
    child = serializers.CharField()


class TextOrNull(serializers.CharField):
    """Empty is null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: str) -> Any:
        return value or None


class PersonField(serializers.CharField):
    """The name that people go by."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        return value.display_name


class PriorityField(serializers.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[priority.label for priority in Priority], **kwargs)

    def to_representation(self, value: Any) -> str:
        return Priority(value).label
