"""One's own notifications."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from incidents.console.edge import console_view


@require_safe
@console_view
def page(request: HttpRequest) -> HttpResponse:
    """Everything about how one is told."""
    return render(request, "notifications/preferences/page.html", {"section": "notifications"})
