"""Admin pages of escalation policies. The definition is JSON (docs/escalation.md); a change makes a new version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from aiops.access.scoped import ScopedFilter, WholeRowForm, actor_of, become
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput
from aiops.web.admin import ByService
from incidents.catalogue.models import Service
from notifications.escalation.models import EscalationPolicy, PolicyVersion, ServicePolicy
from notifications.escalation.services import policies


class PolicyForm(WholeRowForm):
    """A policy with what it says, as JSON. What is wrong is told with its path, such as ``steps[1].targets[0].id``."""

    definition = forms.JSONField(widget=forms.Textarea(attrs={"rows": 24, "cols": 100, "spellcheck": "false"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("definition")
        if field is not None and self.instance.version is not None:
            self.initial["definition"] = self.instance.version.definition

    def clean(self) -> dict[str, Any]:
        """Read the definition as the service will."""
        cleaned = super().clean()
        workspace = cleaned.get("workspace")
        own = workspace.pk if workspace else self.instance.workspace_id
        if own is not None and cleaned.get("definition") is not None:
            try:
                policies.read_definition(cleaned["definition"], own)
            except InvalidInput as error:
                self.add_error("definition", ValidationError(error.message))
        return cleaned


class VersionInline(admin.TabularInline):
    """What the policy said before, to read."""

    model = PolicyVersion
    fields = ("number", "created_at", "created_by", "definition")
    readonly_fields = fields
    extra = 0
    ordering = ("-number",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the policy."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: the service writes them."""
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(EscalationPolicy)
class PolicyAdmin(ByService):
    """Who is told, in which order. The console has an editor for the same."""

    form = PolicyForm
    list_display = ("name", "workspace", "enabled", "is_default", "version")
    list_filter = (("workspace", ScopedFilter), "enabled", "is_default")
    list_select_related = ("workspace", "version")
    search_fields = ("name",)
    fields = ("workspace", "name", "description", "enabled", "is_default", "severities", "definition")
    inlines = (VersionInline,)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Whoever may not change it reads the versions below."""
        may = self.has_change_permission(request, obj)
        return [name for name in self.fields or () if may or name != "definition"]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """Runs that are over forget the version; whether any goes on is the service's to say."""
        tree, counts, needed, _ = super().get_deleted_objects(objs, request)
        return tree, counts, needed, []

    def save_model(self, request: HttpRequest, obj: EscalationPolicy, form: Any, change: bool) -> None:
        said = {
            "actor": actor_of(request),
            "now": utcnow(),
            "name": obj.name,
            "description": obj.description,
            "enabled": obj.enabled,
            "is_default": obj.is_default,
            "severities": obj.severities,
            "definition": form.cleaned_data["definition"],
        }
        if change:
            become(obj, policies.update_policy(policy_id=obj.pk, **said))
        else:
            become(obj, policies.create_policy(workspace=obj.workspace, **said))

    def remove(self, request: HttpRequest, obj: EscalationPolicy) -> None:
        policies.delete_policy(actor=actor_of(request), policy_id=obj.pk)


@admin.register(ServicePolicy)
class ServicePolicyAdmin(ByService):
    """Services with a policy of their own."""

    list_display = ("service", "policy")
    list_filter = (("policy", ScopedFilter),)
    list_select_related = ("service", "policy")
    search_fields = ("service__name",)
    fields = ("service", "policy")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Those of the services that the person may see."""
        visible = Service.objects.visible_to(actor_of(request))
        return admin.ModelAdmin.get_queryset(self, request).filter(service__in=visible)

    def workspace_id(self, obj: Any) -> int | None:
        """The service's."""
        return obj.service.workspace_id if obj is not None and obj.service_id else None

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A row never changes its service."""
        return [*super().get_readonly_fields(request, obj), *(["service"] if obj is not None else [])]

    def save_model(self, request: HttpRequest, obj: ServicePolicy, form: Any, change: bool) -> None:
        policies.set_service_policy(actor=actor_of(request), service_id=obj.service_id, policy_id=obj.policy_id)
        become(obj, ServicePolicy.objects.get(service=obj.service_id))

    def remove(self, request: HttpRequest, obj: ServicePolicy) -> None:
        policies.set_service_policy(actor=actor_of(request), service_id=obj.service_id, policy_id=None)
