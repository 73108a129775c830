"""Admin pages of services, sources, incidents and dead letters. Changes go through the services."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.access.actors import Role
from aiops.access.scoped import ReadOnlyAdmin, ScopedAdmin, ScopedFilter, actor_of, become, within
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.catalogue.models import Service, Source
from incidents.catalogue.services import catalogue, editing
from incidents.choices import Priority, SourceKind
from incidents.core import counting
from incidents.core.models import Incident, TimelineEntry
from incidents.journal.models import DeadLetter
from incidents.response.services import incidents

RAW_SHOWN = 100_000  # characters of a raw body on a page
LOST = "Sealed under another AIOPS_SECRET_KEY: rotate it."


class BoundedPaginator(Paginator):
    """Counts like every other list: large numbers are at most 2 s old."""

    @cached_property
    def count(self) -> int:
        return counting.total(self.object_list)  # type: ignore[arg-type]


class VisibleAdmin(ScopedAdmin):
    """Rows come through the one door of the core."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """What the person may see."""
        return within(super().get_queryset(request), actor_of(request))


class KeyedAdmin(VisibleAdmin):
    """Services and sources: each with a key that admins of its workspace may read, and change by an action."""

    list_filter: ClassVar[Any] = (("workspace", ScopedFilter),)
    actions = ("rotate",)
    key_field: str
    rotate_key: Callable[..., Model]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """The key shows once there is one."""
        return [*super().get_readonly_fields(request, obj), self.key_field, "created_at"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Without what does not exist yet, or is none of the person's business."""
        hidden = set() if obj is not None else {self.key_field, "created_at", "is_default"}
        if not self.has_change_permission(request, obj):
            hidden.add(self.key_field)
        return [field for field in self.fields or () if field not in hidden]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not the defaults: something always needs them."""
        return super().has_delete_permission(request, obj) and not getattr(obj, "is_default", False)

    @admin.action(description="Make a new key for the selected (the old one stops working)", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Replace keys."""
        for row in queryset:
            try:
                type(self).rotate_key(actor_of(request), row.pk)
            except DomainError as refusal:
                self.message_user(request, f"{row}: {refusal.message}", messages.ERROR)
            else:
                self.message_user(request, f"{row} has a new key; open it to see it.", messages.SUCCESS)


@admin.register(Service)
class ServiceAdmin(KeyedAdmin):
    """What incidents are about."""

    list_display = ("name", "workspace", "owner", "default_priority", "is_default")
    list_select_related = ("workspace", "owner")
    search_fields = ("name",)
    fields = (
        "workspace",
        "name",
        "description",
        "owner",
        "default_priority",
        "is_default",
        "routing_key_text",
        "created_at",
    )
    readonly_fields = ("is_default",)
    key_field = "routing_key_text"

    @staticmethod
    def rotate_key(actor: Any, pk: int) -> Service:
        return catalogue.rotate_routing_key(actor=actor, service_id=pk)

    @admin.display(description="routing key")
    def routing_key_text(self, obj: Service) -> SafeString | str:
        """The key and how to use it."""
        return _copyable(obj.routing_key, "Senders of events put it into routing_key, or integration key.")

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        """Through the service."""
        said: dict[str, Any] = {
            "name": obj.name,
            "description": obj.description,
            "owner": obj.owner,
            "default_priority": Priority(obj.default_priority) if obj.default_priority else None,
        }
        actor = actor_of(request)
        if change:
            saved = editing.update_service(actor=actor, service_id=obj.pk, **said)
        else:
            saved = catalogue.create_service(actor=actor, workspace=obj.workspace, **said)
        become(obj, saved)


@admin.register(Source)
class SourceAdmin(KeyedAdmin):
    """Inbound integrations."""

    list_display = ("name", "kind", "workspace", "service", "enabled", "limit_per_minute", "is_default")
    list_filter = (("workspace", ScopedFilter), "kind", "enabled")
    list_select_related = ("workspace", "service")
    search_fields = ("name",)
    fields = (
        "workspace",
        "kind",
        "name",
        "service",
        "enabled",
        "limit_per_minute",
        "is_default",
        "url_text",
        "created_at",
    )
    readonly_fields = ("is_default",)
    key_field = "url_text"

    @staticmethod
    def rotate_key(actor: Any, pk: int) -> Source:
        return catalogue.rotate_source_key(actor=actor, source_id=pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A sender does not change its language."""
        return [*super().get_readonly_fields(request, obj), *(["kind"] if obj is not None else [])]

    @admin.display(description="URL")
    def url_text(self, obj: Source) -> SafeString | str:
        """The source's own address, which needs no other credential."""
        base = settings.AIOPS_PUBLIC_URL.rstrip("/") or f"http://{settings.AIOPS_HOST}:{settings.AIOPS_PORT}"
        return _copyable(f"{base}/in/{obj.key}" if obj.key else "", "Whoever knows this address can send to it.")

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Through the service."""
        said: dict[str, Any] = {
            "name": obj.name,
            "service": obj.service,
            "enabled": obj.enabled,
            "limit_per_minute": obj.limit_per_minute,
        }
        actor = actor_of(request)
        if change:
            saved = editing.update_source(actor=actor, source_id=obj.pk, **said)
        else:
            kind = SourceKind(obj.kind)
            saved = catalogue.create_source(actor=actor, workspace=obj.workspace, kind=kind, **said)
        become(obj, saved)


class TimelineInline(admin.TabularInline):
    """The record, to read."""

    model = TimelineEntry
    fields = ("at", "kind", "actor_label", "from_status", "to_status", "text", "data")
    readonly_fields = fields
    extra = 0
    ordering = ("id",)
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the incident."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: services write it."""
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Incident)
class IncidentAdmin(VisibleAdmin, ReadOnlyAdmin):
    """Incidents to look up; the console is where they are worked on. Three actions, through the services."""

    list_display = (
        "name",
        "title",
        "severity",
        "status",
        "priority",
        "service",
        "assignee",
        "occurrences",
        "last_seen_at",
    )
    list_display_links = ("name", "title")
    list_filter = ("status", "severity", "priority", ("service", ScopedFilter), ("workspace", ScopedFilter))
    list_select_related = ("workspace", "service", "assignee")
    search_fields = ("name", "title")
    ordering = ("-id",)
    paginator = BoundedPaginator
    inlines = (TimelineInline,)
    actions = ("acknowledge", "resolve", "close")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With what the page of one incident shows of other tables."""
        return super().get_queryset(request).select_related("workspace", "service", "source", "assignee")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may act on incidents somewhere; the service decides for each."""
        return actor_of(request).highest_role >= Role.OPERATOR

    @admin.action(description="Acknowledge the selected incidents", permissions=["operate"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Through the service."""
        self._each(request, queryset, incidents.acknowledge, "acknowledged")

    @admin.action(description="Resolve the selected incidents", permissions=["operate"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Through the service."""
        self._each(request, queryset, partial(incidents.resolve, resolution="Resolved in the admin"), "resolved")

    @admin.action(description="Close the selected incidents", permissions=["operate"])
    def close(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Through the service."""
        self._each(request, queryset, incidents.close, "closed")

    def _each(self, request: HttpRequest, queryset: QuerySet, verb: Callable[..., Any], done: str) -> None:
        """Apply *verb* one by one; a refusal of one stops none of the others."""
        now, count, refusals = utcnow(), 0, []
        for pk, name in queryset.order_by("pk").values_list("pk", "name")[: self.list_max_show_all]:
            try:
                verb(actor=actor_of(request), incident_id=pk, now=now)
                count += 1
            except DomainError as refusal:
                refusals.append(f"{name}: {refusal.message}.")
        if count:
            self.message_user(request, f"{count} incident{'s' if count > 1 else ''} {done}.", messages.SUCCESS)
        if refusals:
            more = f" And {len(refusals) - 5} more." if len(refusals) > 5 else ""
            self.message_user(request, " ".join(refusals[:5]) + more, messages.WARNING)


@admin.register(DeadLetter)
class DeadLetterAdmin(VisibleAdmin, ReadOnlyAdmin):
    """What could not be understood, with its reason."""

    list_display = ("received_at", "source_kind", "source", "field", "reason", "workspace")
    list_filter = (("workspace", ScopedFilter), "source_kind")
    list_select_related = ("workspace", "source")
    search_fields = ("error", "field")
    ordering = ("-received_at", "-id")
    paginator = BoundedPaginator
    fields = ("received_at", "workspace", "source", "source_kind", "content_type", "field", "error", "body")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Operators and admins: a body may hold anything."""
        actor, workspace_id = actor_of(request), self.workspace_id(obj)
        return actor.highest_role >= Role.OPERATOR if workspace_id is None else actor.may(Role.OPERATOR, workspace_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Those of workspaces where the person is operator; the list does without the bodies, which may be megabytes."""
        queryset = within(super().get_queryset(request), actor_of(request), Role.OPERATOR)
        match = request.resolver_match
        return queryset if match and match.kwargs.get("object_id") else queryset.defer("raw")

    @admin.display(description="reason")
    def reason(self, obj: DeadLetter) -> str:
        """Its beginning."""
        return obj.error[:120]

    @admin.display(description="raw body")
    def body(self, obj: DeadLetter) -> SafeString:
        """As it came, escaped; bytes that are no UTF-8 show as replacement characters."""
        text = bytes(obj.raw).decode("utf-8", "replace").replace("\0", "\N{SYMBOL FOR NULL}")
        more = f"\n… {len(text) - RAW_SHOWN} more characters" if len(text) > RAW_SHOWN else ""
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', text[:RAW_SHOWN] + more)


def _copyable(secret: str, hint: str) -> SafeString | str:
    if not secret:
        return LOST
    return format_html(
        '<input type="text" readonly size="{}" value="{}"><br><small>{}</small>',
        max(len(secret), 20),
        secret,
        hint,
    )
