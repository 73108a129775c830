"""Admin pages of routes to shared destinations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from aiops.access.scoped import ScopedFilter, WholeRowForm, actor_of, become
from aiops.kernel.errors import InvalidInput
from aiops.web.admin import ByService
from notifications.escalation.models import Route
from notifications.escalation.services import routes

CHECKED = {"severities", "labels", "window", "channels"}
RULES = ("name", "enabled", "position", "severities", "service", "team", "labels", "window", "channels")


class RouteForm(WholeRowForm):
    """A route; its lists are JSON, checked as the service will."""

    def clean(self) -> dict[str, Any]:
        """What is wrong is told beside its field."""
        cleaned = super().clean()
        for name in CHECKED & cleaned.keys():
            cleaned[name] = cleaned[name] or ({} if name in ("labels", "window") else [])
            try:
                routes.read_rule({"name": "any", name: cleaned[name]})
            except InvalidInput as error:
                self.add_error(name, ValidationError(error.message))
        if not cleaned.get("channels") and not cleaned.get("destinations"):
            self.add_error("channels", "Name at least one channel or destination.")
        workspace = cleaned.get("workspace")
        own = workspace.pk if workspace else self.instance.workspace_id
        if any(row.workspace_id != own for row in cleaned.get("destinations") or ()):
            self.add_error("destinations", "They must belong to the same workspace.")
        return cleaned


@admin.register(Route)
class RouteAdmin(ByService):
    """The console has an editor and a dry run for the same."""

    form = RouteForm
    list_display = ("name", "workspace", "position", "enabled", "severities", "channels")
    list_filter = (("workspace", ScopedFilter), "enabled")
    list_select_related = ("workspace",)
    search_fields = ("name",)
    fields = ("workspace", *RULES, "destinations")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Shared destinations of the workspaces that the person administers."""
        shared = db_field.remote_field.model.objects.filter(workspace__isnull=False)
        kwargs["queryset"] = shared.visible_to(actor_of(request)).filter(workspace__isnull=False)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        rules: dict[str, Any] = {name: getattr(obj, name) for name in RULES}
        rules["destinations"] = [row.pk for row in form.cleaned_data["destinations"]]
        if change:
            become(obj, routes.update_route(actor=actor_of(request), route_id=obj.pk, **rules))
        else:
            name = rules.pop("name")
            become(obj, routes.create_route(actor=actor_of(request), workspace=obj.workspace, name=name, **rules))

    def remove(self, request: HttpRequest, obj: Route) -> None:
        routes.delete_route(actor=actor_of(request), route_id=obj.pk)
