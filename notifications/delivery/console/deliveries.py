"""Views of the delivery pages."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from aiops.kernel.clock import utcnow
from aiops.web.console_view import console_view, is_fragment
from aiops.web.requests import ActorRequest
from notifications.delivery.console.log import LogQuery, log_context
from notifications.delivery.console.trace import delivery_for, trace_context


@require_safe
@console_view
def log(request: ActorRequest) -> HttpResponse:
    """Every message that was to be sent, newest first; a fragment request gets what changes."""
    actor, user = request.actor, request.user
    context = log_context(actor, user, LogQuery(request.GET), utcnow())
    name = "notifications/deliveries/_log.html" if is_fragment(request) else "notifications/deliveries/log.html"
    return render(request, name, context)


@require_safe
@console_view
def page(request: ActorRequest, reference: str) -> HttpResponse:
    """One delivery, from intent to receipt."""
    actor, user, now = request.actor, request.user, utcnow()
    context = trace_context(actor, user, delivery_for(actor, reference), now)
    name = "notifications/deliveries/_trace.html" if is_fragment(request) else "notifications/deliveries/page.html"
    return render(request, name, context)
