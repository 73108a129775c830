"""Read-only admin pages of paging: runs, deliveries with receipts, proofs, unreachable services."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from aiops.access.scoped import ReadOnlyAdmin, ScopedFilter, actor_of
from incidents.admin import BoundedPaginator
from notifications.delivery.models import Delivery, Receipt
from notifications.escalation.models import EscalationRun, UnreachableService
from notifications.watch.models import PagingProof


class RecordAdmin(ReadOnlyAdmin):
    """Rows come through the one door, newest first."""

    list_filter: ClassVar[Any] = (("workspace", ScopedFilter),)
    ordering: ClassVar[Any] = ("-id",)
    paginator = BoundedPaginator

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """What the person may see."""
        return super().get_queryset(request).visible_to(actor_of(request))  # type: ignore[attr-defined]


class ReceiptInline(admin.TabularInline):
    """What the provider said, in its order."""

    model = Receipt
    fields = ("at", "state", "detail")
    readonly_fields = fields
    extra = 0
    ordering = ("id",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the delivery."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: the sender writes them."""
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Delivery)
class DeliveryAdmin(RecordAdmin):
    """One row per intended message. What it says is on its page in the console; a person's address is on nobody's."""

    list_display = ("public_id", "purpose", "kind", "to", "incident", "state", "attempts", "created_at")
    list_filter = (("workspace", ScopedFilter), "state", "kind", "purpose")
    list_select_related = ("incident", "recipient", "destination")
    fields = (
        "public_id", "workspace", "incident", "episode", "round", "step", "purpose", "kind", "to", "urgency", "rank", "state",
        "reason", "due_at", "attempts", "maybe_twice", "provider_ref", "created_at", "sent_at", "delivered_at", "read_at",
    )  # fmt: skip
    inlines = (ReceiptInline,)

    @admin.display(description="to")
    def to(self, obj: Delivery) -> str:
        """The person, or the shared destination."""
        if obj.recipient is not None:
            return obj.recipient.display_name
        return obj.destination.label if obj.destination is not None else "nobody"


@admin.register(EscalationRun)
class RunAdmin(RecordAdmin):
    """The escalation of each episode of an incident."""

    list_display = ("incident", "episode", "version", "state", "level", "next_step_at", "started_at")
    list_filter = (("workspace", ScopedFilter), "state")
    list_select_related = ("incident", "version__policy")


@admin.register(PagingProof)
class ProofAdmin(RecordAdmin):
    """Synthetic incidents, and whether their page got through."""

    list_display = ("started_at", "proved_at", "failed_at", "error", "workspace")
    list_select_related = ("workspace",)


@admin.register(UnreachableService)
class UnreachableAdmin(RecordAdmin):
    """Services whose chain reaches nobody."""

    list_display = ("service", "at", "reason", "found_at", "workspace")
    list_select_related = ("service", "workspace")
