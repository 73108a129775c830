"""Base classes of admin pages: rows that only services change, and refusals as messages on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from aiops.access.scoped import ScopedAdmin
from aiops.kernel.errors import DomainError


class ByService(ScopedAdmin):
    """Rows that a service takes away: :meth:`remove`. A refusal is told, and the row stays."""

    def remove(self, request: HttpRequest, obj: Any) -> None:
        """Ask the service."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        each(self, request, queryset, lambda row: self.remove(request, row))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """What goes with a row goes by the row's own permission: the service decides."""
        tree, counts, _, protected = super().get_deleted_objects(objs, request)
        return tree, counts, set(), protected

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)
        except DomainError as refusal:
            self.message_user(request, said(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def each(page: admin.ModelAdmin, request: HttpRequest, rows: QuerySet, act: Callable[[Any], object]) -> None:
    """Do it to every row, and say of each that was refused why."""
    for row in rows:
        try:
            act(row)
        except DomainError as refusal:
            page.message_user(request, f"{row}: {said(refusal)}", messages.ERROR)


def said(refusal: DomainError) -> str:
    return " ".join(filter(None, [f"{refusal.message}.", refusal.details]))
