"""Forms of routes. The services check the values."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from aiops.access.models import Team, Workspace
from incidents.catalogue.models import Service
from incidents.choices import Severity
from notifications.channels import CHANNELS
from notifications.delivery.models import Destination
from notifications.escalation.models import Route

DAYS = tuple((str(n), word) for n, word in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))


class RouteForm(forms.Form):
    """Which incidents a route takes, and where it leads."""

    name = forms.CharField(max_length=200)
    enabled = forms.BooleanField(required=False, initial=True, label="In use")
    severities = forms.MultipleChoiceField(
        required=False,
        label="Severity",
        help_text="None chosen: every one.",
        choices=[(level.word, level.label) for level in sorted(Severity, reverse=True)],
        widget=forms.CheckboxSelectMultiple,
    )
    service = forms.ModelChoiceField(Service.objects.none(), required=False, empty_label="Any")
    team = forms.ModelChoiceField(
        Team.objects.none(), required=False, empty_label="Any", help_text="That owns the service."
    )
    labels = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One name=pattern a line; * and ? match as in file names.",
    )
    days = forms.MultipleChoiceField(
        required=False, choices=DAYS, widget=forms.CheckboxSelectMultiple, help_text="No day chosen: every day."
    )
    begins = forms.CharField(required=False, label="From", widget=forms.TimeInput(attrs={"type": "time"}))
    ends = forms.CharField(required=False, label="To", widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.CharField(required=False, label="Time zone", max_length=64)
    channels = forms.MultipleChoiceField(
        required=False,
        label="Every shared destination of the kind",
        choices=[(str(kind), kind.label) for kind, channel in CHANNELS.items() if channel.shared],
        widget=forms.CheckboxSelectMultiple,
    )
    destinations = forms.ModelMultipleChoiceField(
        Destination.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, label="And these"
    )
    position = forms.IntegerField(
        min_value=0, max_value=32_767, required=False, help_text="Routes are told in this order."
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rows in (
            ("service", services_of(workspace)),
            ("team", Team.objects.filter(workspace=workspace)),
            ("destinations", Destination.objects.filter(workspace=workspace).listed()),
        ):
            self.fields[name].queryset = rows  # type: ignore[attr-defined]

    def clean_labels(self) -> dict[str, str]:
        """Lines as label → pattern."""
        found = {}
        for line in self.cleaned_data["labels"].splitlines():
            if not line.strip():
                continue
            name, equals, pattern = line.partition("=")
            if not (equals and name.strip() and pattern.strip()):
                raise forms.ValidationError(f"Write name=pattern, not “{line.strip()[:60]}”.")
            found[name.strip()] = pattern.strip()
        return found

    def rules(self) -> dict[str, Any]:
        """What ``services.routes`` takes."""
        filled = self.cleaned_data
        window = {
            "days": [int(day) for day in filled["days"]],
            "from": filled["begins"],
            "to": filled["ends"],
            "time_zone": filled["zone"].strip() or "UTC",
        }
        rules = {
            name: filled[name] for name in ("name", "enabled", "severities", "service", "team", "labels", "channels")
        }
        rules["window"] = window if filled["days"] or filled["begins"] or filled["ends"] else {}
        rules["destinations"] = [row.pk for row in filled["destinations"]]
        if filled["position"] is not None:
            rules["position"] = filled["position"]
        return rules


def route_initial(route: Route) -> dict[str, Any]:
    """A route as its form shows it."""
    window = route.window or {}
    return {
        "name": route.name,
        "enabled": route.enabled,
        "severities": route.severities,
        "service": route.service_id,
        "team": route.team_id,
        "labels": "\n".join(f"{name}={pattern}" for name, pattern in route.labels.items()),
        "days": [str(day) for day in window.get("days", [])],
        "begins": window.get("from", ""),
        "ends": window.get("to", ""),
        "zone": window.get("time_zone", ""),
        "channels": route.channels,
        "destinations": list(route.destinations.values_list("pk", flat=True)),
        "position": route.position,
    }


def services_of(workspace: Workspace) -> QuerySet[Service]:
    """The workspace's services, the default one first."""
    return Service.objects.filter(workspace=workspace).listed().order_by("-is_default", "name")


class SampleForm(forms.Form):
    """An incident that routes are tried with."""

    severity = forms.ChoiceField(choices=[(level.word, level.label) for level in sorted(Severity, reverse=True)])
    service = forms.ModelChoiceField(Service.objects.none(), empty_label=None)
    labels = forms.CharField(
        required=False, max_length=500, widget=forms.TextInput(attrs={"placeholder": "team=payments, zone=eu-1"})
    )

    def __init__(self, data: QueryDict | None, *, workspace: Workspace) -> None:
        super().__init__(data)
        self.fields["service"].queryset = services_of(workspace)  # type: ignore[attr-defined]

    def clean_labels(self) -> dict[str, str]:
        """``a=b, c=d`` as a mapping; a name alone has an empty value."""
        pairs = (part.partition("=") for part in self.cleaned_data["labels"].split(",") if part.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}
