"""Admin pages of people, workspaces and API keys. Changes go through the services."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from aiops.access.actors import Role
from aiops.access.audited import AuditedAdmin, record_removal, record_save
from aiops.access.forms import GuardedAdminAuthenticationForm
from aiops.access.models import ApiKey, Membership, Team, User, Workspace
from aiops.access.scoped import ScopedAdmin, ScopedFilter, WholeRowForm, actor_of, become
from aiops.access.services.keys import create_key, revoke_key
from aiops.access.services.workspaces import create_workspace
from aiops.audit.snapshot import snapshot
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError

admin.site.site_header = "aiops administration"
admin.site.site_title = "aiops"
admin.site.index_title = "Configuration"
admin.site.login_form = GuardedAdminAuthenticationForm
admin.site.unregister(Group)  # rights follow from roles in workspaces


class SuperuserOnly:
    """For what reaches beyond one workspace: written by superusers, invisible to others unless a class says else."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers."""
        return request.user.is_superuser


class MembershipInline(SuperuserOnly, admin.TabularInline):
    """The roles of a person, on the person's page."""

    model = Membership
    extra = 0
    fields = ("workspace", "role")


@admin.register(User)
class UserAdmin(SuperuserOnly, AuditedAdmin, DjangoUserAdmin):
    """People. Roles are memberships; Django's own permissions are not used."""

    list_display = (
        "username",
        "email",
        "first_name",
        "last_name",
        "time_zone",
        "is_staff",
        "is_superuser",
        "is_active",
    )
    list_filter = ("is_staff", "is_superuser", "is_active", ("memberships__workspace", admin.RelatedFieldListFilter))
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "time_zone")}),
        (
            "Access",
            {
                "fields": ("is_active", "is_staff", "is_superuser"),
                "description": "Staff may open this administration; superusers are admins of every workspace.",
            },
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "time_zone", "usable_password", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined")
    inlines = (MembershipInline,)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Roles are events of their workspaces."""
        memberships = Membership.objects.filter(user=form.instance.pk).select_related("user", "workspace")
        before = memberships.in_bulk()
        super().save_formset(request, form, formset, change)
        after = memberships.all().in_bulk()
        for row in (row for pk, row in before.items() if pk not in after):
            record_removal(request, row)
        for pk, row in after.items():
            record_save(request, row, snapshot(before[pk]) if pk in before else None)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """A new password is one change of the person."""
        with transaction.atomic():
            user = User.objects.filter(pk=id).first() if id.isdecimal() else None
            request.audited = (snapshot(user),) if user is not None else ()  # type: ignore[attr-defined]
            return super().user_change_password(request, id, form_url)


@admin.register(Workspace)
class WorkspaceAdmin(ScopedAdmin):
    """Tenants. Made by superusers; never deleted here, since everything hangs on them."""

    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """The id is in other people's configurations: it stays."""
        return ["slug", "created_at"] if obj is not None else []

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Facts come after the form."""
        return ["name", "slug", "created_at"] if obj is not None else ["name", "slug"]

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Without an id, one follows from the name."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "slug" in form.base_fields:
            form.base_fields["slug"].required = False
            form.base_fields["slug"].help_text += " Empty: made from the name."
        return form

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        """A new one gets its default service and sources by the service."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            become(obj, create_workspace(actor=actor_of(request), name=obj.name, slug=obj.slug, now=utcnow()))


@admin.register(Team)
class TeamAdmin(ScopedAdmin):
    """Groups of people that own services."""

    list_display = ("name", "workspace")
    list_filter = (("workspace", ScopedFilter),)
    list_select_related = ("workspace",)
    search_fields = ("name",)
    fields = ("workspace", "name", "members")
    filter_horizontal = ("members",)

    def formfield_for_manytomany(self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any) -> Any:
        """Only people of the person's own workspaces can be members."""
        if db_field.name == "members":
            actor, people = actor_of(request), User.objects.filter(is_active=True)
            if actor.workspace_ids is not None:
                people = people.filter(memberships__workspace_id__in=actor.workspace_ids).distinct()
            kwargs["queryset"] = people
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(Membership)
class MembershipAdmin(SuperuserOnly, ScopedAdmin):
    """Who is what where. Written by superusers, who alone see everybody; others see their own workspaces'."""

    list_display = ("user", "workspace", "role")
    list_filter = (("workspace", ScopedFilter), "role")
    list_select_related = ("user", "workspace")
    search_fields = ("user__username", "user__email")
    fields = ("user", "workspace", "role")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever is in a workspace."""
        return ScopedAdmin.has_view_permission(self, request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever is in the workspace."""
        return ScopedAdmin.has_view_permission(self, request, obj)


class ApiKeyForm(WholeRowForm):
    """A new key, or another name for one."""

    def clean_expires_at(self) -> Any:
        """An expiry that has passed would make a dead key."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= utcnow():
            raise ValidationError("The expiry must lie in the future.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    """Keys of integrations: made (and then shown, once), renamed, revoked; never deleted, so that their names stay readable."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "workspace", "role", "state", "last_used_at", "expires_at", "created_at")
    list_filter = (("workspace", ScopedFilter), "role", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("name", "prefix")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """What is asked for, then what became of it."""
        asked = ["name", "workspace", "role", "expires_at"]
        return asked if obj is None else [*asked, "prefix", "created_at", "last_used_at", "revoked_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A key does not change; only its name may be put better."""
        return [] if obj is None else [field for field in self.get_fields(request, obj) if field != "name"]

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Only who is admin everywhere can make a key of all workspaces."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "workspace" in form.base_fields and actor_of(request).everywhere != Role.ADMIN:
            form.base_fields["workspace"].required = True
        return form

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: revoke it."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """A new one is made by the service, whose one chance to show it is :meth:`response_add`."""
        if change:
            super().save_model(request, obj, form, change)
            return
        made, raw = create_key(
            actor=actor_of(request),
            name=obj.name,
            workspace=obj.workspace,
            role=Role(obj.role),
            expires_at=obj.expires_at,
            now=utcnow(),
        )
        become(obj, made)
        request.fresh_key = raw  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The key, in this answer and nowhere else: not in a message, which would be kept in a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key made",
            "opts": self.opts,
            "key": obj,
            "raw": request.fresh_key,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/access/apikey/made.html", context)

    @admin.display(description="state")
    def state(self, obj: ApiKey) -> str:
        """Good, expired or revoked."""
        if obj.revoked_at:
            return "revoked"
        return "expired" if obj.expires_at and obj.expires_at <= utcnow() else "good"

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End keys for good."""
        now, revoked = utcnow(), 0
        for key_id in queryset.values_list("pk", flat=True):
            try:
                revoke_key(actor=actor_of(request), key_id=key_id, now=now)
                revoked += 1
            except DomainError as refusal:
                self.message_user(request, refusal.message, messages.ERROR)
        if revoked:
            text = f"{revoked} key{'s' if revoked > 1 else ''} revoked; refused everywhere within 5 seconds."
            self.message_user(request, text, messages.SUCCESS)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """The empty choice says what it means."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "workspace":
            field.empty_label = "All workspaces"
        return field
