"""``GET /oncall/current``, and the calendar feeds, whose secret address is their credential."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api.client import ClientView
from aiops.api.schema import operation, query
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import NotFound
from notifications.escalation.api.client import examples
from notifications.escalation.selectors.current import current
from notifications.oncall.services import calendars


class ServiceOnCallOut(serializers.Serializer):
    """Who is on call for a service; null where there is nobody."""

    service = serializers.CharField(allow_null=True)
    oncall = serializers.CharField(allow_null=True, help_text="A username.")
    team = serializers.CharField(allow_null=True)
    escalation_contact = serializers.CharField(allow_null=True, help_text="The first other person of a later level.")
    week_number = serializers.IntegerField(help_text="The ISO week, in the schedule's zone.")
    rotation_index = serializers.IntegerField(allow_null=True, help_text="The place in the rotation, from 0.")


class OnCallOut(ServiceOnCallOut):
    """Without ``service``: of the default one, and all of them."""

    services = ServiceOnCallOut(many=True, required=False)


class OnCall(ClientView):
    refusals = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)

    @operation(
        "Get who is on call",
        parameters=[query("service", "The service's name. Omitted: the default service, and all in `services`.")],
        answer=OnCallOut,
        answered=examples.ON_CALL,
    )
    def get(self, request: Request) -> Response:
        """Who is on call for a service now, and who would be paged next."""
        service = self.params.get("service", "").strip()
        answer, others = current(self.actor, service, self.now)
        return Response(asdict(answer) if service else asdict(answer) | {"services": [asdict(one) for one in others]})


@require_safe
def calendar_feed(request: HttpRequest, key: str) -> HttpResponse:
    """A schedule's or a person's shifts as iCalendar; whoever knows the address may read it."""
    try:
        name, text = calendars.feed(key=key, now=utcnow())
    except NotFound as error:
        return HttpResponse(error.message, "text/plain", status=404)
    headers: dict[str, Any] = {
        "Content-Disposition": content_disposition_header(False, f"{name}.ics") or "inline",
        "Cache-Control": "private, max-age=300",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }
    return HttpResponse(text, "text/calendar; charset=utf-8", headers=headers)
