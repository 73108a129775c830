"""Forms of destinations, accounts, routes and templates. The services check the values."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from aiops.access.models import Team, Workspace
from incidents.catalogue.models import Service
from incidents.choices import Severity
from notifications.channels import CHANNELS
from notifications.channels.contracts import Setting
from notifications.channels.sandbox import LONGEST_SOURCE
from notifications.choices import ChannelKind
from notifications.delivery.models import Destination, Provider
from notifications.delivery.services.templates import WORDED
from notifications.escalation.models import Route

KEPT = "set; leave empty to keep it"
DAYS = tuple((str(n), word) for n, word in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))


class DestinationForm(forms.Form):
    """An address, what it is called, and through which account it is reached."""

    label = forms.CharField(required=False, max_length=200, help_text="What people recognise it by.")
    address = forms.CharField(
        max_length=4000, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    provider = forms.ModelChoiceField(
        Provider.objects.none(), required=False, label="Account", empty_label="The workspace's default"
    )

    def __init__(
        self, *args: Any, kind: ChannelKind, workspace: Workspace | None, existing: Destination | None = None, **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        channel, address = CHANNELS[kind], self.fields["address"]
        address.label, address.help_text = channel.address_label, channel.address_help
        accounts = Provider.objects.filter(workspace=workspace, kind=kind)
        self.fields["provider"].queryset = accounts  # type: ignore[attr-defined]
        if existing is not None or workspace is None or not channel.settings or not accounts.exists():
            del self.fields["provider"]
        if existing is not None:
            self.fields["label"].required = True
            address.required = False
            address.widget.attrs["placeholder"] = KEPT if "://" in existing.label else ""
            address.help_text = f"{channel.address_help} Leave it empty to keep what it is.".strip()


class AccountForm(forms.Form):
    """An account's name and the settings that its channel asks for. A secret is never shown again."""

    name = forms.CharField(max_length=200)
    is_default = forms.BooleanField(
        required=False,
        initial=True,
        label="For destinations that name no account",
        help_text="One account of a kind is.",
    )

    def __init__(self, *args: Any, kind: ChannelKind, existing: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = asked_of(kind)
        before = existing.settings if existing is not None else {}
        for setting in self.asked:
            self.fields[setting.name] = _field(setting, str(before.get(setting.name, "")))
        self.order_fields(["name", *(setting.name for setting in self.asked), "is_default"])

    def settings(self) -> dict[str, str]:
        """What was filled in, by setting."""
        return {setting.name: self.cleaned_data.get(setting.name, "") for setting in self.asked}


def asked_of(kind: ChannelKind) -> list[Setting]:
    """The settings that a person has to know; those that we make ourselves are not asked for."""
    channel = CHANNELS[kind]
    made = channel.make_settings() if channel.make_settings is not None else {}
    return [setting for setting in channel.settings if setting.name not in made]


def _field(setting: Setting, before: str) -> forms.CharField:
    """A field of a setting; that of a secret says whether there is one, never which."""
    kept = setting.secret and bool(before)
    widget: forms.Widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    if setting.secret:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "placeholder": KEPT if kept else ""})
    return forms.CharField(
        label=setting.label,
        help_text=setting.help,
        required=setting.required and not kept and not setting.default,
        initial="" if setting.secret else before or setting.default,
        max_length=4000,
        widget=widget,
    )


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


class WordsForm(forms.Form):
    """What messages of a channel say."""

    kind = forms.ChoiceField(choices=ChannelKind.choices, label="Channel")
    purpose = forms.ChoiceField(choices=[(str(purpose), purpose.label) for purpose in WORDED])
    subject = forms.CharField(
        required=False, max_length=LONGEST_SOURCE, widget=forms.TextInput(attrs={"spellcheck": "false"})
    )
    body = forms.CharField(
        max_length=LONGEST_SOURCE, widget=forms.Textarea(attrs={"rows": 14, "class": "source", "spellcheck": "false"})
    )
