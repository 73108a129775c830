"""Admin pages of provider accounts, shared destinations, message templates and contact rules.

Secrets can be written and never read. A person's own destinations are on their page of the console.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from aiops.access.actors import Role
from aiops.access.scoped import ScopedFilter, WholeRowForm, actor_of, become
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput
from aiops.web.admin import ByService, each
from notifications.channels import CHANNELS, templating
from notifications.choices import NOTIFIED, ChannelKind, Purpose, Urgency
from notifications.delivery.models import ContactRule, Destination, MessageTemplate, Provider, QuietHours
from notifications.delivery.services import destinations, preferences, providers, templates


def kind_in(form: forms.ModelForm) -> ChannelKind | None:
    """The kind that a form is about: chosen, or the row's own."""
    kind = form.cleaned_data.get("kind") or form.instance.kind
    return ChannelKind(kind) if kind in ChannelKind.values else None


class ProviderForm(WholeRowForm):
    """An account. Its settings are typed as JSON and never shown; what is left out stays."""

    settings_json = forms.JSONField(
        label="settings",
        required=False,
        help_text='Such as {"token": "…"}. What is set already is not shown; what is left out stays as it is.',
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Check the settings as the service will."""
        cleaned = super().clean()
        given, kind = cleaned.get("settings_json") or {}, kind_in(self)
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            self.add_error("settings_json", "Expected an object of texts.")
        elif kind is not None and not CHANNELS[kind].settings:
            self.add_error("kind", f"{kind.label} needs no account.")
        elif kind is not None:
            try:
                providers.check_settings(kind, given, self.instance.settings if self.instance.pk else {})
            except InvalidInput as error:
                self.add_error("settings_json", ValidationError(error.message))
        return cleaned


@admin.register(Provider)
class ProviderAdmin(ByService):
    """Mail servers, Slack apps, phone providers."""

    form = ProviderForm
    list_display = ("name", "kind", "workspace", "is_default")
    list_filter = (("workspace", ScopedFilter), "kind")
    list_select_related = ("workspace",)
    search_fields = ("name",)
    fields = ("workspace", "kind", "name", "is_default", "settings_json", "known")
    readonly_fields = ("known",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Settings are for those who may change them; there is nothing known of a new one."""
        hidden = set() if self.has_change_permission(request, obj) else {"settings_json", "known"}
        return [name for name in self.fields or () if name not in hidden | ({"known"} if obj is None else set())]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """An account does not change its kind."""
        return [*super().get_readonly_fields(request, obj), *(["kind"] if obj is not None else [])]

    @admin.display(description="set already")
    def known(self, obj: Provider) -> str:
        """The names of what is set, never the values."""
        return ", ".join(name for name, value in obj.settings.items() if value) or "nothing"

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        saved = providers.save_provider(
            actor=actor_of(request),
            workspace=obj.workspace,
            kind=ChannelKind(obj.kind),
            name=obj.name,
            settings=form.cleaned_data.get("settings_json") or {},
            provider_id=obj.pk if change else None,
            is_default=obj.is_default,
        )
        become(obj, saved)

    def remove(self, request: HttpRequest, obj: Provider) -> None:
        providers.delete_provider(actor=actor_of(request), provider_id=obj.pk)


class DestinationForm(WholeRowForm):
    """A shared destination. Its address can be written, and is not shown."""

    address = forms.CharField(
        required=False, max_length=4000, help_text="Not shown again; left empty, it stays.", widget=forms.TextInput()
    )

    def clean(self) -> dict[str, Any]:
        """Check the address as the channel will."""
        cleaned, kind = super().clean(), kind_in(self)
        address = cleaned.get("address") or ""
        if kind is not None and (address or not self.instance.pk):
            try:
                CHANNELS[kind].check_address(address)
            except InvalidInput as error:
                self.add_error("address", ValidationError(error.message))
        provider = cleaned.get("provider")
        if provider is not None and kind is not None and provider.kind != kind:
            self.add_error("provider", "Expected an account of the same kind.")
        return cleaned


@admin.register(Destination)
class DestinationAdmin(ByService):
    """Where messages for everybody go."""

    form = DestinationForm
    list_display = ("label", "kind", "workspace", "enabled", "broken_at", "failures")
    list_filter = (("workspace", ScopedFilter), "kind", "enabled")
    list_select_related = ("workspace",)
    search_fields = ("label",)
    fields = (
        "workspace", "kind", "label", "address", "provider", "enabled", "verified_at", "broken_at", "broken_reason",
        "failures", "open_until",
    )  # fmt: skip
    readonly_fields = ("verified_at", "broken_at", "broken_reason", "failures", "open_until")
    actions = ("mend", "send_test")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Shared ones; a person's own are nobody else's business."""
        return super().get_queryset(request).filter(workspace__isnull=False)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """The address is for those who may change it."""
        hidden = set() if self.has_change_permission(request, obj) else {"address"}
        hidden |= set(self.readonly_fields) if obj is None else set()
        return [name for name in self.fields or () if name not in hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Kind and account stay what they were."""
        return [*super().get_readonly_fields(request, obj), *(["kind", "provider"] if obj is not None else [])]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A shared destination belongs to a workspace, always."""
        form = super().get_form(request, obj, change, **kwargs)
        if "workspace" in form.base_fields:
            form.base_fields["workspace"].required = True
        return form

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may send tests somewhere; the service decides for each."""
        return actor_of(request).highest_role >= Role.OPERATOR

    def save_model(self, request: HttpRequest, obj: Destination, form: Any, change: bool) -> None:
        actor, now, enabled = actor_of(request), utcnow(), obj.enabled
        address = form.cleaned_data.get("address") or ""
        if change:
            saved = destinations.update_destination(
                actor=actor, destination_id=obj.pk, label=obj.label, address=address or None, now=now
            )
        else:
            saved = destinations.create_destination(
                actor=actor,
                kind=ChannelKind(obj.kind),
                address=address,
                label=obj.label,
                workspace=obj.workspace,
                provider=obj.provider,
                now=now,
            )
        if saved.enabled != enabled:
            saved = destinations.set_enabled(actor=actor, destination_id=saved.pk, enabled=enabled)
        become(obj, saved)

    def remove(self, request: HttpRequest, obj: Destination) -> None:
        destinations.delete_destination(actor=actor_of(request), destination_id=obj.pk)

    @admin.action(description="Say that the selected work again", permissions=["change"])
    def mend(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Through the service, which decides for each."""
        each(self, request, queryset, lambda row: destinations.mend(actor=actor_of(request), destination_id=row.pk))

    @admin.action(description="Send a test to the selected", permissions=["operate"])
    def send_test(self, request: HttpRequest, queryset: QuerySet) -> None:
        """By the way of every message; what became of each is told."""

        def send(row: Destination) -> None:
            sent = destinations.send_test(actor=actor_of(request), destination_id=row.pk, now=utcnow())
            level = messages.SUCCESS if sent.state in NOTIFIED else messages.ERROR
            self.message_user(request, f"{row}: {sent.get_state_display().lower()}. {sent.reason}".strip(), level)

        each(self, request, queryset[:20], send)


class TemplateForm(WholeRowForm):
    """Words of a workspace's messages."""

    def clean(self) -> dict[str, Any]:
        """Whether they can be read at all, and whether they may be changed."""
        cleaned = super().clean()
        if cleaned.get("purpose") and cleaned["purpose"] not in templates.WORDED:
            self.add_error("purpose", "These words can't be changed.")
        try:
            templating.check(cleaned.get("subject") or "", cleaned.get("body") or "")
        except InvalidInput as error:
            self.add_error("subject" if error.field == "subject" else "body", ValidationError(error.message))
        return cleaned


@admin.register(MessageTemplate)
class TemplateAdmin(ByService):
    """What messages say where a workspace wants other words. The console shows them beforehand."""

    form = TemplateForm
    list_display = ("kind", "purpose", "workspace", "subject")
    list_display_links = ("kind", "purpose")
    list_filter = (("workspace", ScopedFilter), "kind", "purpose")
    list_select_related = ("workspace",)
    fields = ("workspace", "kind", "purpose", "subject", "body")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Words stay those of their channel and purpose."""
        return [*super().get_readonly_fields(request, obj), *(["kind", "purpose"] if obj is not None else [])]

    def save_model(self, request: HttpRequest, obj: MessageTemplate, form: Any, change: bool) -> None:
        saved = templates.save_template(
            actor=actor_of(request),
            workspace=obj.workspace,
            kind=ChannelKind(obj.kind),
            purpose=Purpose(obj.purpose),
            subject=obj.subject,
            body=obj.body,
        )
        become(obj, saved)

    def remove(self, request: HttpRequest, obj: MessageTemplate) -> None:
        templates.delete_template(actor=actor_of(request), template_id=obj.pk)


class PersonalAdmin(ByService):
    """What people say about themselves, and an admin of everything may put right."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """All of it: only superusers come here."""
        return admin.ModelAdmin.get_queryset(self, request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins of everything."""
        return actor_of(request).everywhere == Role.ADMIN

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Admins of everything."""
        return self.has_view_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A row never changes its person."""
        return [*super().get_readonly_fields(request, obj), *(["user"] if obj is not None else [])]


@admin.register(ContactRule)
class ContactRuleAdmin(PersonalAdmin):
    """ "Call me" rules."""

    list_display = ("user", "urgency", "delay_minutes", "destination")
    list_filter = ("urgency",)
    list_select_related = ("user", "destination")
    search_fields = ("user__username", "user__email")
    fields = ("user", "urgency", "delay_minutes", "destination")
    raw_id_fields = ("destination",)

    def save_model(self, request: HttpRequest, obj: ContactRule, form: Any, change: bool) -> None:
        old = ContactRule.objects.get(pk=obj.pk) if change else None
        if old is not None and old.urgency != obj.urgency:
            self._without(request, old)
        rest = ContactRule.objects.filter(user=obj.user, urgency=obj.urgency).exclude(pk=obj.pk)
        made = self._set(request, obj, [*_pairs(rest), (obj.delay_minutes, obj.destination_id)])
        become(obj, next(rule for rule in made if (rule.delay_minutes, rule.destination_id) == _pair(obj)))

    def remove(self, request: HttpRequest, obj: ContactRule) -> None:
        self._without(request, obj)

    def _without(self, request: HttpRequest, obj: ContactRule) -> None:
        self._set(
            request, obj, _pairs(ContactRule.objects.filter(user=obj.user, urgency=obj.urgency).exclude(pk=obj.pk))
        )

    def _set(self, request: HttpRequest, obj: ContactRule, rules: list[tuple[int, int]]) -> list[ContactRule]:
        urgency = Urgency(obj.urgency)
        return preferences.set_contact_rules(actor=actor_of(request), user=obj.user, urgency=urgency, rules=rules)


@admin.register(QuietHours)
class QuietHoursAdmin(PersonalAdmin):
    """When messages of low urgency wait."""

    list_display = ("user", "begins", "ends", "days")
    list_select_related = ("user",)
    fields = ("user", "begins", "ends", "days")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """No day named: every day."""
        form = super().get_form(request, obj, change, **kwargs)
        if "days" in form.base_fields:
            form.base_fields["days"].required = False
        return form

    def save_model(self, request: HttpRequest, obj: QuietHours, form: Any, change: bool) -> None:
        saved = preferences.set_quiet_hours(
            actor=actor_of(request), user=obj.user, begins=obj.begins, ends=obj.ends, days=obj.days or ()
        )
        if saved is not None:
            become(obj, saved)

    def remove(self, request: HttpRequest, obj: QuietHours) -> None:
        preferences.set_quiet_hours(actor=actor_of(request), user=obj.user, begins=None, ends=None)


def _pair(rule: ContactRule) -> tuple[int, int]:
    return rule.delay_minutes, rule.destination_id


def _pairs(rules: QuerySet[ContactRule]) -> list[tuple[int, int]]:
    return [_pair(rule) for rule in rules]
