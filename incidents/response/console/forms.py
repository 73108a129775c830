"""Forms of the incident pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from incidents.catalogue.models import Service
from incidents.choices import Priority, Severity
from incidents.response.services.incidents import LONGEST_SNOOZE, MAX_NOTE

# What the snooze menu offers; anything else is typed as hours.
PRESETS = (("30m", "30 min"), ("1h", "1 h"), ("4h", "4 h"), ("8h", "8 h"), ("24h", "1 day"), ("72h", "3 days"))
_UNITS = {"m": "minutes", "h": "hours"}
_LONGEST_HOURS = int(LONGEST_SNOOZE.total_seconds() // 3600)


class SnoozeForm(forms.Form):
    """For how long: a preset, or a number of hours; the reason is free."""

    preset = forms.ChoiceField(choices=PRESETS, required=False)
    hours = forms.FloatField(required=False)
    reason = forms.CharField(required=False, max_length=2000, strip=True)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "preset" in self.errors or "hours" in self.errors:
            return data
        preset, hours = data.get("preset"), data.get("hours")
        if preset:
            data["duration"] = timedelta(**{_UNITS[preset[-1]]: int(preset[:-1])})
        elif hours is None:
            raise forms.ValidationError("Say for how long: pick a time or type hours.")
        elif not 0 < hours <= _LONGEST_HOURS:
            self.add_error("hours", f"Hours must be over 0 and at most {_LONGEST_HOURS}.")
        else:
            data["duration"] = timedelta(hours=hours)
        return data


class NoteForm(forms.Form):
    content = forms.CharField(max_length=MAX_NOTE, strip=True)


class ReasonForm(forms.Form):
    """Free words that go with an action: why it was escalated, how it was resolved."""

    text = forms.CharField(required=False, max_length=MAX_NOTE, strip=True)


class PriorityForm(forms.Form):
    priority = forms.TypedChoiceField(choices=Priority.choices, coerce=lambda value: Priority(int(value)))


class AssignForm(forms.Form):
    """``me``, the number of a member, or nothing for nobody."""

    assignee = forms.RegexField(
        r"me|[0-9]{1,18}", required=False, error_messages={"invalid": "Pick a member, or nobody."}
    )


class NewIncidentForm(forms.Form):
    """An incident opened by hand."""

    title = forms.CharField(
        max_length=500, strip=True, help_text="What is wrong, as somebody who is woken up needs to read it."
    )
    description = forms.CharField(
        required=False, max_length=20_000, strip=True, widget=forms.Textarea(attrs={"rows": 4})
    )
    severity = forms.TypedChoiceField(
        choices=[(level.value, level.label) for level in sorted(Severity, reverse=True)],
        coerce=lambda value: Severity(int(value)),
        initial=Severity.MEDIUM.value,
    )
    service = forms.ModelChoiceField(Service.objects.none(), empty_label=None)

    def __init__(self, *args: Any, services: QuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["service"]
        field.queryset = services
        field.label_from_instance = lambda service: f"{service.name} ({service.workspace.name})"
        field.initial = services.filter(is_default=True).first() or services.first()
