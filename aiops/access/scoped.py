"""Base classes of the admin pages: rights follow from roles in workspaces, not from Django's permissions.

Superusers see and change everything. Other staff see their workspaces, and change those of which they are admins.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from aiops.access.actors import Actor, Role
from aiops.access.audited import AuditedAdmin
from aiops.access.models import Workspace
from aiops.kernel.errors import DomainError


def actor_of(request: HttpRequest) -> Actor:
    """Who uses the admin."""
    return request.actor  # type: ignore[attr-defined]


def within(queryset: QuerySet, actor: Actor, role: Role = Role.VIEWER) -> QuerySet:
    """The workspaces, or the rows of workspaces, in which *actor* has at least *role*; without the platform's own rows."""
    queryset = queryset.listed() if hasattr(queryset, "listed") else queryset
    workspaces = actor.workspaces_with(role)
    if workspaces is None:
        return queryset
    return queryset.filter(**{"pk__in" if queryset.model is Workspace else "workspace_id__in": workspaces})


class WholeRowForm(ModelForm):
    """Checks what hangs on the workspace also when the workspace itself can't be edited any more."""

    def clean(self) -> dict[str, Any]:
        """What a row points to belongs to the row's own workspace."""
        cleaned = super().clean() or self.cleaned_data
        workspace = cleaned.get("workspace")
        own = workspace.pk if workspace else getattr(self.instance, "workspace_id", None)
        for name, value in list(cleaned.items()):
            if isinstance(value, Model) and own is not None and getattr(value, "workspace_id", own) != own:
                self.add_error(name, "It must belong to the same workspace.")
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions - {"workspace"}


class ScopedFilter(RelatedFieldListFilter):
    """A filter that offers only what the person may see, in one query."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Ids and names."""
        related = within(field.related_model._default_manager.all(), actor_of(request))
        return [(row.pk, str(row)) for row in related]


class ScopedAdmin(AuditedAdmin):
    """Rows of workspaces. Changing takes the role admin in the row's workspace, which stays what it was when the row was made."""

    form = WholeRowForm
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """The rows of the workspaces that the person is in."""
        return within(super().get_queryset(request), actor_of(request))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the page offers as a filter, and only plain comparisons: a filter by a sealed column would tell what it
        holds, a letter at a time."""
        column, *rest = lookup.split(LOOKUP_SEP)
        offered = {entry[0] if isinstance(entry, tuple) else entry for entry in self.get_list_filter(request)}
        if column not in {"id", "pk", *(str(name).split(LOOKUP_SEP)[0] for name in offered)}:
            return False
        return not {"regex", "iregex"} & set(rest) and super().lookup_allowed(lookup, value, request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app shows at all."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Any role will do."""
        actor = actor_of(request)
        workspace_id = self.workspace_id(obj)
        return bool(actor.everywhere or actor.roles) if workspace_id is None else actor.may(Role.VIEWER, workspace_id)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins of the workspace."""
        actor = actor_of(request)
        workspace_id = self.workspace_id(obj)
        if workspace_id is None:
            return actor.everywhere == Role.ADMIN if obj is not None else actor.highest_role == Role.ADMIN
        return actor.may(Role.ADMIN, workspace_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Admins of any workspace."""
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As changing."""
        return self.has_change_permission(request, obj)

    def workspace_id(self, obj: Model | None) -> int | None:
        """The workspace of a row; None for none in particular."""
        return obj.pk if isinstance(obj, Workspace) else getattr(obj, "workspace_id", None)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A row never changes its workspace."""
        has_one = obj is not None and any(field.name == "workspace" for field in obj._meta.fields)
        fixed = ["workspace"] if has_one else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only what the person may use."""
        if _is_scoped(db_field):
            rows = kwargs.get("queryset", db_field.remote_field.model._default_manager.all())
            kwargs["queryset"] = within(rows, actor_of(request), Role.ADMIN)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page; what a service refuses after the form was happy (somebody was faster) is said on top of it."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(ScopedAdmin):
    """Pages to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


def become(obj: Model, made: Model) -> None:
    """Let the form's unsaved *obj* stand for the row that a service *made*."""
    obj.__dict__.update(made.__dict__)


def _is_scoped(db_field: ForeignKey | ManyToManyField) -> bool:
    model = db_field.remote_field.model
    return model is Workspace or any(field.name == "workspace" for field in model._meta.fields)
