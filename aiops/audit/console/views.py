"""The audit page: for everybody who may see a workspace, what was done there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from aiops.audit.console.query import AuditQuery, page_context
from aiops.kernel.clock import utcnow
from aiops.web.console_view import console_view


@require_safe
@console_view
def page(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    context = page_context(request.actor, AuditQuery(request.GET), utcnow())  # type: ignore[attr-defined]
    return render(request, "audit/page.html", context)
