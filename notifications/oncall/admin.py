"""Admin pages of schedules, layers, overrides, time off and swaps. Changes go through the services.

The console's editor and calendar are the better place for daily work.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.http import HttpRequest

from aiops.access.actors import Actor, Role
from aiops.access.models import User, Workspace
from aiops.access.scoped import ReadOnlyAdmin, ScopedFilter, WholeRowForm, actor_of, become, within
from aiops.kernel.clock import utcnow
from aiops.web.admin import ByService, each
from notifications.choices import RotationUnit
from notifications.oncall.models import Departure, Layer, Override, Schedule, ShiftSwap, TimeOff
from notifications.oncall.selectors.names import named
from notifications.oncall.selectors.schedules import members_of
from notifications.oncall.services import departures, overrides, schedules, swaps
from notifications.oncall.services.schedules import LayerDraft, ScheduleDraft


class OfPeopleAdmin(ByService):
    """Rows that name people: those of the workspaces in which the actor has the role *needs*, and no others."""

    needs = Role.ADMIN

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """Names of people stay within their workspaces."""
        if db_field.remote_field.model is User:
            workspaces = within(Workspace.objects.all(), actor_of(request), self.needs)
            theirs = Q(memberships__workspace__in=workspaces) | Q(is_superuser=True)  # superusers are in all
            kwargs["queryset"] = User.objects.filter(theirs, is_active=True).distinct().order_by("username")
        if db_field.remote_field.model is Schedule:
            kwargs["queryset"] = within(Schedule.objects.all(), actor_of(request), self.needs)
            return admin.ModelAdmin.formfield_for_foreignkey(self, db_field, request, **kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class OfScheduleAdmin(OfPeopleAdmin):
    """Rows that belong to a schedule, and through it to a workspace."""

    list_filter: ClassVar[Any] = (("schedule", ScopedFilter),)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Those of the schedules that the person may see."""
        visible = Schedule.objects.visible_to(actor_of(request))
        return admin.ModelAdmin.get_queryset(self, request).filter(schedule__in=visible)

    def workspace_id(self, obj: Any) -> int | None:
        """The schedule's."""
        return obj.schedule.workspace_id if obj is not None and obj.schedule_id else None

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A row never changes its schedule."""
        return [*super().get_readonly_fields(request, obj), *(["schedule"] if obj is not None else [])]


@admin.register(Schedule)
class ScheduleAdmin(OfPeopleAdmin):
    """Who is on call when; its layers have pages of their own."""

    list_display = ("name", "workspace", "team", "time_zone", "fallback", "alert_on_gaps")
    list_filter = (("workspace", ScopedFilter), "alert_on_gaps")
    list_select_related = ("workspace", "team", "fallback")
    search_fields = ("name",)
    fields = ("workspace", "name", "description", "team", "time_zone", "fallback", "alert_on_gaps")

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        draft = ScheduleDraft(
            name=obj.name,
            description=obj.description,
            team_id=obj.team_id,
            time_zone=obj.time_zone,
            fallback_id=obj.fallback_id,
            alert_on_gaps=obj.alert_on_gaps,
        )
        who: dict[str, Any] = {"actor": actor_of(request), "now": utcnow()}
        if change:
            draft = replace(draft, layers=schedules.draft_of(obj).layers)
            become(obj, schedules.update_schedule(schedule_id=obj.pk, draft=draft, **who))
        else:
            become(obj, schedules.create_schedule(workspace_id=obj.workspace_id, draft=draft, **who))

    def remove(self, request: HttpRequest, obj: Schedule) -> None:
        schedules.delete_schedule(actor=actor_of(request), schedule_id=obj.pk)


class LayerForm(WholeRowForm):
    """A layer with its members as usernames in turn."""

    members_in_turn = forms.CharField(
        help_text="Usernames in the order of their turns, with commas between them.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            members = self.instance.members.select_related("user").order_by("position")
            self.initial["members_in_turn"] = ", ".join(member.user.username for member in members if member.user)

    def clean_members_in_turn(self) -> list[int]:
        """The ids, in turn."""
        names = [name.strip() for name in self.cleaned_data["members_in_turn"].split(",") if name.strip()]
        schedule = self.cleaned_data.get("schedule") or getattr(self.instance, "schedule", None)
        members = members_of(schedule.workspace_id) if schedule is not None else User.objects.none()
        ids = dict(members.filter(username__in=names).values_list("username", "pk"))
        if unknown := [name for name in names if name not in ids]:
            raise ValidationError(f"There is nobody called {unknown[0]!r} in the schedule's workspace.")
        return [ids[name] for name in names]


@admin.register(Layer)
class LayerAdmin(OfScheduleAdmin):
    """Rotations. A change ends the layer and begins a new one, so that who was on call stays true."""

    form = LayerForm
    list_display = ("__str__", "schedule", "position", "length", "unit", "starts_at", "ends_at", "retired_at")
    list_select_related = ("schedule",)
    fields = (
        "schedule",
        "name",
        "length",
        "unit",
        "time_zone",
        "starts_at",
        "ends_at",
        "restrictions",
        "members_in_turn",
    )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was, is only looked at."""
        return super().has_change_permission(request, obj) and getattr(obj, "retired_at", None) is None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the field to type members into, where nothing can be typed."""
        shown = list(self.fields or ())
        may = self.has_change_permission(request, obj)
        return shown if may else [name for name in shown if name != "members_in_turn"]

    def save_model(self, request: HttpRequest, obj: Layer, form: Any, change: bool) -> None:
        wanted = LayerDraft(
            id=obj.pk,
            name=obj.name,
            time_zone=obj.time_zone,
            length=obj.length,
            unit=RotationUnit(obj.unit),
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            restrictions=obj.restrictions,
            members=form.cleaned_data["members_in_turn"],
        )
        draft = schedules.draft_of(obj.schedule)
        position = obj.position if change else len(draft.layers)
        layers = [wanted if layer.id == obj.pk else layer for layer in draft.layers] + ([] if change else [wanted])
        self._save(request, obj.schedule_id, replace(draft, layers=layers))
        become(obj, Layer.objects.get(schedule=obj.schedule_id, position=position, retired_at=None))

    def remove(self, request: HttpRequest, obj: Layer) -> None:
        draft = schedules.draft_of(obj.schedule)
        layers = [layer for layer in draft.layers if layer.id != obj.pk]
        self._save(request, obj.schedule_id, replace(draft, layers=layers))

    def _save(self, request: HttpRequest, schedule_id: int, draft: ScheduleDraft) -> None:
        schedules.update_schedule(actor=actor_of(request), schedule_id=schedule_id, draft=draft, now=utcnow())


@admin.register(Override)
class OverrideAdmin(OfScheduleAdmin):
    """Made and ended, never changed."""

    needs = Role.OPERATOR
    list_display = ("person", "schedule", "starts_at", "ends_at", "reason", "created_by")
    list_select_related = ("user", "schedule")
    date_hierarchy = "starts_at"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The person by name, who may be deleted; to be chosen while there is no row."""
        return ["schedule", "person" if obj is not None else "user", "starts_at", "ends_at", "reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """What is no column."""
        return [*super().get_readonly_fields(request, obj), "person"]

    @admin.display(ordering="user")
    def person(self, obj: Override) -> str:
        """Who has it."""
        return obj.user.username if obj.user is not None else named([obj.user_id or 0])[obj.user_id or 0].username

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With its person, who may be deleted."""
        found = super().get_object(request, object_id, from_field)
        return self.get_queryset(request).select_related("user").get(pk=found.pk) if found is not None else None

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """One looks at those that there are."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators of any workspace."""
        return actor_of(request).highest_role >= Role.OPERATOR

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Operators of the workspace; those that have begun end now."""
        actor, workspace_id = actor_of(request), self.workspace_id(obj)
        return actor.highest_role >= Role.OPERATOR if workspace_id is None else actor.may(Role.OPERATOR, workspace_id)

    def save_model(self, request: HttpRequest, obj: Override, form: Any, change: bool) -> None:
        made = overrides.create_override(
            actor=actor_of(request),
            schedule_id=obj.schedule_id,
            user_id=obj.user_id or 0,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            reason=obj.reason,
            now=utcnow(),
        )
        become(obj, made)

    def remove(self, request: HttpRequest, obj: Override) -> None:
        overrides.end_override(actor=actor_of(request), override_id=obj.pk, now=utcnow())


@admin.register(TimeOff)
class TimeOffAdmin(ReadOnlyAdmin):
    """When people are away: said by themselves, or by their calendars."""

    list_display = ("user", "starts_at", "ends_at", "reason")
    fields = ("user", "starts_at", "ends_at", "reason", "import_uid", "created_at")
    list_select_related = ("user",)
    date_hierarchy = "starts_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Of the people of the workspaces that the person is in."""
        actor: Actor = actor_of(request)
        rows = admin.ModelAdmin.get_queryset(self, request)
        if actor.workspace_ids is None:
            return rows
        return rows.filter(user__memberships__workspace__in=actor.workspace_ids).distinct()


@admin.register(ShiftSwap)
class ShiftSwapAdmin(OfScheduleAdmin):
    """Who asked whom. Open ones can be taken back."""

    list_display = ("schedule", "requester", "candidate", "starts_at", "ends_at", "state", "taken_by")
    list_filter = (("schedule", ScopedFilter), "state")
    fields = (*list_display, "note", "override", "answered_at")
    list_select_related = ("schedule", "requester", "candidate", "taken_by")
    actions = ("cancel",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: people ask for themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: it is a record."""
        return False

    @admin.action(description="Take the selected back (nobody is asked any more)")
    def cancel(self, request: HttpRequest, queryset: QuerySet) -> None:
        """For operators of each one's workspace."""
        actor, now = actor_of(request), utcnow()
        each(self, request, queryset, lambda row: swaps.cancel_swap(actor=actor, swap_id=row.pk, now=now))


@admin.register(Departure)
class DepartureAdmin(ReadOnlyAdmin):
    """Who left the workspace, was deactivated or deleted, and when: what they had before stays theirs in calendar and report."""

    list_display = ("person", "workspace", "left_at", "back_at")
    list_filter = (("workspace", ScopedFilter),)
    list_select_related = ("user", "workspace")
    date_hierarchy = "left_at"
    fields = ("person", "workspace", "left_at", "back_at")
    readonly_fields = ("person",)
    actions = ("forget",)

    @admin.display(ordering="user")
    def person(self, obj: Departure) -> str:
        """By name."""
        return named([obj.user_id or 0])[obj.user_id or 0].username

    @admin.action(description="Forget the names of the selected, where they were deleted")
    def forget(self, request: HttpRequest, queryset: QuerySet) -> None:
        """For superusers."""
        actor = actor_of(request)
        each(self, request, queryset, lambda row: departures.forget(actor=actor, user_id=row.user_id))
