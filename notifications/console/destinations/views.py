"""The pages of shared destinations and provider accounts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from incidents.console.edge import console_view


@require_safe
@console_view
def overview(request: HttpRequest) -> HttpResponse:
    """Every shared destination."""
    return render(request, "notifications/destinations/overview.html", {"section": "destinations"})
