"""The front door carried by Django: the same door, one request a transaction. For the OpenAPI schema, the test client, and any
server that does not run our ASGI entry."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.front import callers, door
from incidents.front.callers import LookAgain
from incidents.front.door import Endpoint, Received, Refused
from incidents.front.requests import WANTED, Inbound, Reply, parse_query
from incidents.services.deadletters import Letter, keep
from incidents.services.ingest import ingest


@method_decorator(csrf_exempt, name="dispatch")
class IngestView(View):
    """POST (or PUT) to any path of the door."""

    http_method_names = ["post", "put"]

    def post(self, request: HttpRequest, **path: str) -> HttpResponse:
        inbound = _inbound(request)
        endpoint = door.endpoint_for(inbound.method, inbound.path)
        if endpoint is None:
            return self.http_method_not_allowed(request)
        return _response(handle(endpoint, inbound))

    put = post


def handle(endpoint: Endpoint, inbound: Inbound) -> Reply:
    """One request from door to commit to answer, on the caller's own connection."""
    now = utcnow()
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
