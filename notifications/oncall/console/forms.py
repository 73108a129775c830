"""Forms of shifts, overrides and time off. Times are on the reader's clock, unless a field names another."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from aiops.access.models import User
from notifications.oncall.reading.lines import LARGEST
from notifications.oncall.wall import instant_of, wall_of

STAMP = "%Y-%m-%dT%H:%M"
LONGEST_RANGE = timedelta(days=366)


class WallField(forms.Field):
    """A date and a time on the clock of the reader's zone, as the browser's own control writes it. Becomes an instant, also for
    an hour that comes twice (the first) or never (when the clock jumps over it)."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 300}, format=STAMP)
    default_error_messages = {"invalid": "Write a date and a time, such as 2026-03-19T14:30."}

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        if isinstance(value, datetime):
            return value
        if (wall := read_wall(str(value))) is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return instant_of(wall, timezone.get_current_timezone())

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return wall_of(value, timezone.get_current_timezone()).strftime(STAMP)
        return value


def read_wall(text: str) -> datetime | None:
    """A date and time without a zone, within what calendars can do; None when it is none."""
    try:
        wall = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return wall if wall.tzinfo is None and 1971 <= wall.year <= 9000 else None


class PersonField(forms.ModelChoiceField):
    """One of some people, by name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(User.objects.none(), **options)

    def label_from_instance(self, obj: Any) -> str:
        return obj.display_name


class SpanForm(forms.Form):
    """From when until when."""

    starts_at = WallField(label="From")
    ends_at = WallField(label="Until")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "The end must lie after the beginning.")
        return data


class OverrideForm(SpanForm):
    user = PersonField(label="Who has it", empty_label="Choose…")
    reason = forms.CharField(required=False, max_length=500, strip=True)

    field_order = ("user", "starts_at", "ends_at", "reason")

    def __init__(self, *args: Any, members: QuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].queryset = members  # type: ignore[attr-defined]


class SwapForm(SpanForm):
    candidate = PersonField(label="Whom to ask", required=False, empty_label="Anybody of the schedule")
    note = forms.CharField(required=False, max_length=500, strip=True)

    field_order = ("candidate", "starts_at", "ends_at", "note")

    def __init__(self, *args: Any, others: QuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["candidate"].queryset = others  # type: ignore[attr-defined]


class TimeOffForm(SpanForm):
    reason = forms.CharField(required=False, max_length=500, strip=True)


class ImportForm(forms.Form):
    """An address to import from, a file to import once, or *stop*: no address any more."""

    import_url = forms.CharField(
        label="Address", required=False, max_length=1000, strip=True, help_text="Fetched every 15 minutes."
    )
    file = forms.FileField(label="Or a file, once", required=False)
    stop = forms.BooleanField(required=False)

    def clean_file(self) -> bytes:
        """What the file holds."""
        file = self.cleaned_data.get("file")
        if not file:
            return b""
        if file.size > LARGEST:
            raise ValidationError(f"The file must be at most {LARGEST // 2**20} MiB.")
        return bytes(file.read())


class RangeForm(forms.Form):
    """Days of a report; *until* is the last day that counts."""

    since = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    schedule: forms.ModelChoiceField = forms.ModelChoiceField(None, required=False, empty_label="All schedules")

    def __init__(self, *args: Any, schedules: QuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["schedule"].queryset = schedules  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until:
            if not 1971 <= since.year <= until.year <= 9000 or until < since:
                self.add_error("until", "The last day must not lie before the first.")
            elif until - since >= LONGEST_RANGE:
                self.add_error("until", "At most a year at a time.")
        return data

    def days(self) -> tuple[date, date]:
        """The first and the last day."""
        return self.cleaned_data["since"], self.cleaned_data["until"]


def first_complaint(form: forms.Form) -> str:
    """What to tell when there is no place to show the form again."""
    name, complaints = next(iter(form.errors.items()))
    label = "" if name == "__all__" else f"{form.fields[name].label or name}: "
    return f"{label}{complaints[0]}"
