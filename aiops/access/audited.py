"""Admin pages that write rows by themselves, without a service: what they change leaves audit events all the same."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from aiops.access.actors import Actor
from aiops.audit.recording import Object, kind_of, record
from aiops.audit.snapshot import changed, snapshot


def record_save(request: HttpRequest, row: Model, before: dict[str, Any] | None) -> None:
    """The event of a row that was saved, which said *before* (None: it is new)."""
    kind, now_says = kind_of(row), snapshot(row)
    if before is None:
        record(f"{kind}.create", actor=_actor(request), object=Object.of(row), after=now_says)
        return
    was, becomes = changed(before, now_says)
    if was or becomes:
        record(f"{kind}.update", actor=_actor(request), object=Object.of(row), before=was, after=becomes)


def record_removal(request: HttpRequest, row: Model) -> None:
    """The event of a row that is about to be removed."""
    verb = f"{kind_of(row)}.delete"
    record(verb, actor=_actor(request), object=Object.of(row), before=snapshot(row))


def _actor(request: HttpRequest) -> Actor:
    return request.actor  # type: ignore[attr-defined]


class AuditedAdmin(admin.ModelAdmin):
    """Base of pages whose rows are saved and removed here. A page that lets a service do it overrides the method, and with it
    what is recorded."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and remember what the row said until all that belongs to it is saved (:meth:`log_change`)."""
        present = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        request.audited = (snapshot(present) if present is not None else None,)  # type: ignore[attr-defined]

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Called when the row and its relations are saved, in the same transaction."""
        self._record(request, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Called when the row and its relations are saved, in the same transaction."""
        self._record(request, obj)
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Record, and remove."""
        with transaction.atomic():
            record_removal(request, obj)
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Record each, and remove them."""
        with transaction.atomic():
            for row in queryset:
                record_removal(request, row)
            super().delete_queryset(request, queryset)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The history of a row is the audit's."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no such {self.opts.verbose_name}.")
        about = Object.of(row)
        return HttpResponseRedirect(f"{reverse('console-audit')}?{urlencode({'object': f'{about.kind}:{about.id}'})}")

    def _record(self, request: HttpRequest, obj: Model) -> None:
        for before in getattr(request, "audited", ()):
            record_save(request, obj, before)
        request.audited = ()  # type: ignore[attr-defined]
