"""The Django carrier of the front door: one request, one transaction. For the OpenAPI schema, the test client, and
servers without our ASGI entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DataError, IntegrityError
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aiops.access import keyring
from aiops.api.envelopes import client, envelope_of
from aiops.api.schema import JSON, SAMPLES, WHEN, HandlerSchema, part
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput
from incidents.catalogue.services import directory
from incidents.contracts import Arrival, Outcome
from incidents.errors import PartlyStored
from incidents.front import callers, door, examples
from incidents.front import serializers as words
from incidents.front.answering import Deed, Keep, Refresh, answering
from incidents.front.door import Endpoint
from incidents.front.requests import WANTED, Inbound, Reply, parse_query
from incidents.front.writer import UNSTORABLE
from incidents.ingest.services.ingest import ingest
from incidents.ingest.sources import SOURCE_WORDS
from incidents.journal.services.dead_letters import Letter, keep


class IngestView(APIView):
    """POST (or PUT) to a path of the door. The framework only documents it: the door reads the raw request itself."""

    schema = HandlerSchema()
    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    metadata_class = None

    def post(self, request: Request, **path: str) -> HttpResponse:
        endpoint = door.endpoint_for(request.method or "", request.path.rstrip("/"))
        if endpoint is None:
            raise MethodNotAllowed(request.method or "")
        try:
            return _response(handle(endpoint, _inbound(request._request)))
        except RequestDataTooBig:
            return _response(door.too_large(endpoint))

    def handle_exception(self, exc: Exception) -> Response:
        """A refusal of the framework's, in the words of the path."""
        response = super().handle_exception(exc)
        envelope = envelope_of(self.request.path) or client
        response.data = envelope(response.status_code, str(getattr(exc, "detail", exc)))
        return response


SENDING = (400, 401, 403, 405, 408, 413, 415, 503)  # refusals of every path


def _documented(
    summary: str,
    path: str,
    *,
    request: Any,
    sent: Any,
    answer: Any,
    answered: Any,
    refusal: Any,
    status: int = HTTPStatus.OK,
    parameters: Sequence[OpenApiParameter] = (),
    also: Sequence[int] = (),
) -> Any:
    """The schema of one path of the door; the examples of its refusals are those that the door writes."""
    refusals = {code: _refusal(path, HTTPStatus(code), refusal) for code in (*SENDING, *also)}
    described = OpenApiResponse(answer, HTTPStatus(status).phrase)
    shown = [OpenApiExample("request", value=sent, request_only=True)]
    if answered is not None:
        shown.append(OpenApiExample("answer", value=answered, response_only=True, status_codes=[str(int(status))]))
    return extend_schema(
        summary=summary,
        tags=["ingest"],
        parameters=list(parameters),
        request={JSON: request},
        responses={int(status): described} | refusals,
        examples=shown,
    )


def _refusal(path: str, status: HTTPStatus, shape: Any) -> OpenApiResponse:
    """One refusal of *path*, with the door's own body where there is a sample of it."""
    endpoint = door.endpoint_for("POST", path)
    bodies = [door.refuse(endpoint, sample) for sample in SAMPLES] if endpoint else []
    known = (orjson.loads(body.content) for body in bodies if body.status == status)
    value = next(known, (envelope_of(path) or client)(status, status.phrase))
    return OpenApiResponse(shape, WHEN[status], [OpenApiExample("refusal", value=value)])


SOURCE_WORD = OpenApiParameter(
    "X-Source",
    location=OpenApiParameter.HEADER,
    description=f"The sender whose words the body speaks: {', '.join(SOURCE_WORDS)}. Default: webhook.",
)
SOURCE_KEY = part("key", "The source's key, from its page in the console: 16 to 64 characters.")


class WebhookView(IngestView):
    @_documented(
        "Send an alert",
        "/webhook",
        request=words.WebhookBody,
        sent=examples.ALERT,
        answer=words.WebhookAnswer,
        answered=examples.TAKEN,
        refusal=words.Refusal,
        parameters=[SOURCE_WORD],
        also=[422],
    )
    def post(self, request: Request, **path: str) -> HttpResponse:
        """Send one alert or several, in the words of the sender. A 200 means that they are committed."""
        return super().post(request, **path)

    @extend_schema(exclude=True)
    def put(self, request: Request, **path: str) -> HttpResponse:
        return super().post(request, **path)


class SourceView(WebhookView):
    @_documented(
        "Send to a source's own URL",
        "/in/0000000000000000",
        request=words.WebhookBody,
        sent=examples.ALERT,
        answer=words.WebhookAnswer,
        answered=examples.TAKEN,
        refusal=words.Refusal,
        parameters=[SOURCE_KEY],
        also=[404, 422],
    )
    def post(self, request: Request, **path: str) -> HttpResponse:
        """Send one alert or several to a source. The key in the path is the credential; a 200 means that they are committed."""
        return super().post(request, **path)


class EventsView(IngestView):
    @_documented(
        "Send an event",
        "/api/events",
        request=words.EventBody,
        sent=examples.EVENT,
        answer=words.EventAnswer,
        answered=examples.EVENT_TAKEN,
        refusal=words.EventRefusal,
        status=HTTPStatus.ACCEPTED,
    )
    def post(self, request: Request, **path: str) -> HttpResponse:
        """Trigger, acknowledge or resolve by a dedup key, with an API key and the service's routing key."""
        return super().post(request, **path)


class EnqueueView(IngestView):
    @_documented(
        "Send a PagerDuty event",
        "/v2/enqueue",
        request=words.EventBody,
        sent=examples.EVENT,
        answer=words.EnqueueAnswer,
        answered=examples.ENQUEUED,
        refusal=words.EnqueueRefusal,
        status=HTTPStatus.ACCEPTED,
    )
    def post(self, request: Request, **path: str) -> HttpResponse:
        """Send an event as to PagerDuty's Events API version 2. The routing key in the body is the credential."""
        return super().post(request, **path)


class AlertmanagerView(IngestView):
    @_documented(
        "Send Prometheus alerts",
        "/api/v2/alerts",
        request=words.PrometheusAlert(many=True),
        sent=examples.PROMETHEUS,
        answer=None,
        answered=None,
        refusal=words.AlertmanagerRefusal,
    )
    def post(self, request: Request, **path: str) -> HttpResponse:
        """Send alerts as Prometheus sends them to an Alertmanager. A 200 has an empty body."""
        return super().post(request, **path)


def handle(endpoint: Endpoint, inbound: Inbound) -> Reply:
    """One request from door to commit to answer, on the caller's own connection."""
    if len(inbound.body) > settings.AIOPS_MAX_BODY_BYTES:
        return door.too_large(endpoint)
    now = utcnow()
    keyring.refresh_if_old()
    directory.refresh_if_old()
    asked = answering(endpoint, inbound, now)
    try:
        deed = next(asked)
        while True:
            try:
                result = _do(deed, inbound, now)
            except Exception as error:  # noqa: BLE001 - it is the other side's to judge
                deed = asked.throw(error)
            else:
                deed = asked.send(result)
    except StopIteration as answer:
        reply: Reply = answer.value
        return reply


def _do(deed: Deed, inbound: Inbound, now: datetime) -> list[Outcome]:
    if isinstance(deed, Keep):
        keep(deed.letter)
    elif isinstance(deed, Refresh):
        callers.refresh(inbound, now)
    else:
        return _store(deed.arrivals, now)
    return []


def _store(arrivals: Sequence[Arrival], now: datetime) -> list[Outcome]:
    """Store them; what the database can't take is kept, and takes no other along."""
    try:
        return ingest(arrivals, now)
    except (DataError, IntegrityError, TypeError, ValueError) as error:
        if len(arrivals) > 1:
            return _store_halves(arrivals, now)
        keep(Letter.of_arrivals(arrivals, str(error)))
        raise InvalidInput(UNSTORABLE) from error


def _store_halves(arrivals: Sequence[Arrival], now: datetime) -> list[Outcome]:
    """Halve until the culprit is alone. Raises ``PartlyStored``, or ``InvalidInput`` when there are none but culprits."""
    outcomes: list[Outcome] = []
    errors: list[InvalidInput] = []
    middle = len(arrivals) // 2
    for half in (arrivals[:middle], arrivals[middle:]):
        try:
            outcomes += _store(half, now)
        except PartlyStored as partly:
            outcomes += partly.outcomes
            errors += partly.errors
        except InvalidInput as error:
            errors.append(error)
    if not errors:
        return outcomes
    raise PartlyStored(outcomes, errors) if outcomes else errors[0]


def _inbound(request: HttpRequest) -> Inbound:
    names = [name.decode() for name in WANTED]
    headers = {name: request.headers[name] for name in names if name in request.headers}
    query = parse_query(request.META.get("QUERY_STRING", "").encode())
    return Inbound(request.method or "", request.path.rstrip("/"), headers, query, request.body)


def _response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.content, status=reply.status, content_type="application/json", headers=reply.headers)
