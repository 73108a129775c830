"""Filters of incident lists. Console and dialects share them; a dialect adds its own words.

:func:`narrow` applies a filter set to query parameters and refuses by name the parameter that it can't read. The
console uses the set as a form too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django import forms
from django.db.models import Q
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from aiops.api.fields import EXPECTED_INSTANT, parse_instant
from aiops.api.schema import query
from aiops.kernel.errors import InvalidInput
from incidents.catalogue.models import Service
from incidents.choices import Severity, Status
from incidents.ids import parse_reference
from incidents.querysets import IncidentQuerySet

Words = Mapping[str, Q | Callable[[datetime], Q]]  # a word → the incidents it means (at an instant)

STATUS_WORDS: Words = {status.value: Q(status=status) for status in Status}
SEVERITY_WORDS: Words = {severity.word: Q(severity=severity) for severity in sorted(Severity, reverse=True)}
SEARCHED = (
    "title",
    "description",
    "source_name",
    "service_name",
    "namespace",
    "pod",
    "deployment",
    "resource_name",
    "dedup_key",
)
MAX_SEARCH_WORDS = 8


class WordsField(forms.MultipleChoiceField):
    """One or several of a list of words: repeated, or separated by commas."""

    default_error_messages = {"invalid_choice": "must be one of: %(allowed)s (not '%(value)s')"}

    def to_python(self, value: Any) -> list[str]:
        return [word for item in super().to_python(value) for word in item.split(",") if word]

    def validate(self, value: Sequence[str]) -> None:
        allowed = [word for word, _ in self.widget.choices]
        for word in value:
            if word not in allowed:
                params = {"value": word[:40], "allowed": ", ".join(allowed)}
                raise forms.ValidationError(self.error_messages["invalid_choice"], "invalid_choice", params)


class InstantField(forms.CharField):
    """A time with its zone. A ``+`` that arrived as a blank, as it does in an unescaped URL, is read as meant."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        if (instant := parse_instant(text)) is None:
            raise forms.ValidationError(f"must be {EXPECTED_INSTANT}", "invalid")
        return instant


class ReferenceField(forms.CharField):
    """The id of an incident, as its row number."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        reference = parse_reference(text)
        if text and (reference is None or reference.pk is None):
            raise forms.ValidationError("must be an incident id such as inc-0000002a", "invalid")
        return reference.pk if reference else None


class YesNoField(forms.CharField):
    """true or false (yes/no, 1/0)."""

    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": None}

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").lower()
        if text not in self.words:
            raise forms.ValidationError("must be true or false", "invalid")
        return self.words[text]


class WordFilter(django_filters.Filter):
    """Incidents that any of the given words means; the words are the dialect's."""

    field_class = WordsField

    def __init__(self, words: Words, **kwargs: Any) -> None:
        self.words = words
        kwargs.setdefault("choices", [(word, word) for word in words])
        super().__init__(**kwargs)

    def filter(self, qs: IncidentQuerySet, value: list[str]) -> IncidentQuerySet:
        if not value:
            return qs
        now = self.parent.now
        meant = (word(now) if callable(word) else word for word in (self.words[name] for name in value))
        return qs.filter(reduce(or_, meant))


class InstantFilter(django_filters.Filter):
    field_class = InstantField


class YesNoFilter(django_filters.Filter):
    field_class = YesNoField


class BeforeFilter(django_filters.Filter):
    """Only what is older than the incident with this id: the next page of a list, newest first."""

    field_class = ReferenceField


class IncidentFilterSet(django_filters.FilterSet):
    """What lists of incidents can be narrowed by; parameters that are absent or blank narrow nothing."""

    status = WordFilter(STATUS_WORDS)
    severity = WordFilter(SEVERITY_WORDS)
    service = django_filters.CharFilter(method="of_service")
    namespace = django_filters.CharFilter(field_name="namespace")
    resource = django_filters.CharFilter(method="about")
    q = django_filters.CharFilter(method="search")
    since = InstantFilter(field_name="created_at", lookup_expr="gte")
    from_ = InstantFilter(field_name="created_at", lookup_expr="gte")  # known as "from", see get_filters
    to = InstantFilter(field_name="created_at", lookup_expr="lte")
    snoozed = YesNoFilter(method="is_snoozed")
    before = BeforeFilter(field_name="pk", lookup_expr="lt")

    def __init__(self, data: QueryDict, queryset: IncidentQuerySet, *, now: datetime, **kwargs: Any) -> None:
        self.now = now
        super().__init__(data, queryset, **kwargs)

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        """A word of Python can't name an attribute; ``from_`` stands for ``from``."""
        return {name.removesuffix("_"): found for name, found in super().get_filters().items()}

    def of_service(self, queryset: IncidentQuerySet, name: str, value: str) -> IncidentQuerySet:
        """The service that owns it, or that its signal named."""
        owned = Service.objects.filter(name__iexact=value).values("pk")
        return queryset.filter(Q(service_id__in=owned) | Q(service_name__iexact=value))

    def about(self, queryset: IncidentQuerySet, name: str, value: str) -> IncidentQuerySet:
        """``Kind/name`` or a bare name."""
        return queryset.filter(about_resource(value))

    def search(self, queryset: IncidentQuerySet, name: str, value: str) -> IncidentQuerySet:
        """An id or a name finds that incident; else every word must stand somewhere in the texts of the incident."""
        if parse_reference(value):
            return queryset.by_reference(value)
        for word in value.split()[:MAX_SEARCH_WORDS]:
            queryset = queryset.filter(reduce(or_, (Q(**{f"{field}__icontains": word}) for field in SEARCHED)))
        return queryset

    def is_snoozed(self, queryset: IncidentQuerySet, name: str, value: bool) -> IncidentQuerySet:
        """Silenced at this moment."""
        return queryset.filter(snoozed_until__gt=self.now) if value else queryset.exclude(snoozed_until__gt=self.now)


def severity_words(table: Mapping[Severity, str]) -> Words:
    """A dialect's severity words as filters: each means every severity that is shown by it."""
    return {word: Q(severity__in=[s for s, shown in table.items() if shown == word]) for word in table.values()}


def about_resource(text: str) -> Q:
    """The incidents about a resource, given as ``Kind/name`` or as a bare name (which may hold slashes itself)."""
    kind, _, name = text.partition("/")
    return Q(resource_name=text) | Q(resource_kind__iexact=kind, resource_name=name)


def narrow(
    filters: type[IncidentFilterSet], params: QueryDict, queryset: IncidentQuerySet, now: datetime
) -> IncidentQuerySet:
    """*queryset* as *params* ask; raises ``InvalidInput`` naming the first parameter that can't be read."""
    asked = filters(params, queryset, now=now)
    if not asked.form.is_valid():
        name, complaints = next(iter(asked.form.errors.as_data().items()))
        complaint = complaints[0]
        raise InvalidInput(f"{name} {complaint.messages[0]}", field=name, data={"params": complaint.params or {}})
    return asked.qs


DESCRIPTIONS = {
    "status": "Status; several: repeated or comma-separated.",
    "state": "State; several: repeated or comma-separated.",
    "severity": "Severity; several: repeated or comma-separated.",
    "service": "Name of the owning service, or the one that the signal named.",
    "namespace": "Exactly this namespace.",
    "resource": "`Kind/name` or a bare name.",
    "q": "An id or a name, or words that must all stand in its texts.",
    "since": "Opened at or after this time (RFC 3339).",
    "from": "The same as `since`.",
    "to": "Opened at or before this time (RFC 3339).",
    "snoozed": "Silenced now: true or false.",
    "before": "Only what is older than the incident with this id: the next page.",
    "ruleId": "Opened by this alert rule.",
    "workspace_id": "Only this workspace.",
}


def described(filters: type[IncidentFilterSet]) -> list[OpenApiParameter]:
    """The query parameters of a set, for the OpenAPI page."""
    return [
        query(name, DESCRIPTIONS[name], enum=list(found.words) if isinstance(found, WordFilter) else None)
        for name, found in filters.base_filters.items()
    ]
