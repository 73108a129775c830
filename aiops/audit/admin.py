"""The record in the administration, to read."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from aiops.access.scoped import ReadOnlyAdmin, actor_of
from aiops.audit.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what. Nobody adds, changes or removes an event here."""

    list_display = ("at", "actor_label", "verb", "object_kind", "object_name", "door", "address")
    list_filter = ("object_kind", "door", "actor_kind")
    search_fields = ("actor_label", "object_name", "verb")
    ordering = ("-id",)
    show_full_result_count = False
    fields = tuple(field.name for field in AuditEvent._meta.concrete_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """What the person may see."""
        return AuditEvent.objects.visible_to(actor_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Everybody who may see a workspace; the rows are those of theirs."""
        return super().has_view_permission(request)
