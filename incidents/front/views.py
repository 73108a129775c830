"""The front door carried by Django: the same door, one request a transaction. For the OpenAPI schema, the test client, and any
server that does not run our ASGI entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from aiops.access import keyring
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.front import callers, door
from incidents.front import serializers as words
from incidents.front.callers import LookAgain
from incidents.front.door import Endpoint, Received, Refused
from incidents.front.requests import WANTED, Inbound, Reply, parse_query
from incidents.services import directory
from incidents.services.deadletters import Letter, keep
from incidents.services.ingest import ingest
from incidents.sources import SOURCE_WORDS


class IngestView(APIView):
    """POST (or PUT) to a path of the door. The framework only documents it: the door reads the raw request itself."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()

    def post(self, request: Request, **path: str) -> HttpResponse:
        inbound = _inbound(request._request)
        endpoint = door.endpoint_for(inbound.method, inbound.path)
        if endpoint is None:
            return HttpResponse(status=405, headers={"Allow": "POST"})
        return _response(handle(endpoint, inbound))


def _documented(request: Any, answer: Any, refusal: Any, status: int, summary: str, *extra: OpenApiParameter) -> Any:
    """The schema of one path of the door."""
    return extend_schema(
        summary=summary,
        tags=["ingest"],
        parameters=list(extra),
        request={"application/json": request},
        responses={status: answer, 400: refusal, 401: refusal, 403: refusal, 503: refusal},
    )


SOURCE_WORD = OpenApiParameter("X-Source", location=OpenApiParameter.HEADER, description=", ".join(SOURCE_WORDS))


class WebhookView(IngestView):
    @_documented(words.WebhookBody, words.WebhookAnswer, words.Refusal, 200, "Send an alert", SOURCE_WORD)
    def post(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)

    @extend_schema(exclude=True)
    def put(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)


class SourceView(WebhookView):
    @_documented(words.WebhookBody, words.WebhookAnswer, words.Refusal, 200, "Send to a source's own URL")
    def post(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)


class EventsView(IngestView):
    @_documented(words.EventBody, words.EventAnswer, words.Refusal, 202, "Send an event, with an API key")
    def post(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)


class EnqueueView(IngestView):
    @_documented(words.EventBody, words.EnqueueAnswer, words.EnqueueRefusal, 202, "Send an event, as to PagerDuty")
    def post(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)


class AlertmanagerView(IngestView):
    @_documented(words.PrometheusAlert(many=True), None, words.Refusal, 200, "Send alerts, as to an Alertmanager")
    def post(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)


def handle(endpoint: Endpoint, inbound: Inbound) -> Reply:
    """One request from door to commit to answer, on the caller's own connection."""
    now = utcnow()
    keyring.refresh_if_old()
    directory.refresh_if_old()
    if len(inbound.body) > settings.AIOPS_MAX_BODY_BYTES:
        limit = f"The body is larger than {settings.AIOPS_MAX_BODY_BYTES} bytes."
        return Reply(413, {"detail": limit, "message": limit, "errors": [limit]})
    try:
        received = _look_twice(lambda: door.receive(endpoint, inbound, now), inbound)
        outcomes = ingest(received.arrivals, now) if received.arrivals else []
    except Refused as refusal:
        source, error = refusal.source, refusal.error
        content_type = inbound.headers.get("content-type", "")
        keep(
            Letter(
                source.workspace_id, source.pk, source.kind, now, content_type, error.message, error.field, inbound.body
            )
        )
        return door.refuse(endpoint, error)
    except DomainError as error:
        return door.refuse(endpoint, error)
    return door.answer(endpoint, outcomes)


def _look_twice(receive: Callable[[], Received], inbound: Inbound) -> Received:
    try:
        return receive()
    except (LookAgain, DomainError) as first:
        if isinstance(first, DomainError) and first.code != "not_authenticated":
            raise
        callers.refresh(inbound, utcnow())
        try:
            return receive()
        except LookAgain:
            raise callers.unknown(inbound) from first


def _inbound(request: HttpRequest) -> Inbound:
    names = [name.decode() for name in WANTED]
    headers = {name: request.headers[name] for name in names if name in request.headers}
    query = parse_query(request.META.get("QUERY_STRING", "").encode())
    return Inbound(request.method or "", request.path.rstrip("/"), headers, query, request.body)


def _response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.content, status=reply.status, content_type="application/json", headers=reply.headers)
