"""Forms of destinations, accounts and templates. The services check the values."""

from __future__ import annotations

from typing import Any

from django import forms

from aiops.access.models import Workspace
from notifications.channels import CHANNELS
from notifications.channels.contracts import Setting
from notifications.channels.sandbox import LONGEST_SOURCE
from notifications.choices import ChannelKind
from notifications.delivery.models import Destination, Provider
from notifications.delivery.services.templates import WORDED

KEPT = "set; leave empty to keep it"


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
