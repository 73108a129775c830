"""The front door: what an ingest request means and how it is answered, from memory and parsers. No carrier, no
database.

:func:`receive` turns a request into arrivals, or raises a domain error. :func:`answer` and :func:`refuse` write the
reply in the shape of the endpoint (client API, events, PagerDuty Events v2, Alertmanager v2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from aiops.access.actors import Role
from aiops.kernel.errors import BodyTooLarge, DomainError, InvalidInput, NotPermitted, Overloaded, UnparsableBody
from aiops.kernel.ids import uuid7
from incidents.catalogue.services import directory
from incidents.catalogue.services.directory import KnownService, KnownSource
from incidents.choices import SourceKind
from incidents.contracts import Arrival, Outcome, Route, Signal
from incidents.errors import PartlyRefused
from incidents.front import callers, replies
from incidents.front.callers import LookAgain, Refused
from incidents.front.limits import allow
from incidents.front.requests import Inbound, Reply
from incidents.ingest.sources import SOURCE_WORDS, SOURCES, events
from incidents.journal.services.dead_letters import Letter

SOURCE_PATH = re.compile(r"^/in/([0-9A-Za-z_-]{16,64})$")
ROUTING_KEY = re.compile(rb'"(?:routing|service)_key"\s{0,9}:\s{0,9}"([0-9A-Za-z_-]{16,64})"')
MOST_LETTERS = 50  # of one request
HINTS = 64 * 1024  # bytes of a body that can't be read in which a routing key is looked for
V1_EVENT = (
    "'service_key' is of the Events API version 1; this is version 2: 'routing_key', 'event_action' and a 'payload' with"
    " 'summary', 'source' and 'severity'"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one path finds its source and signals, and the words it answers in.

    *admit* settles who calls before the body is there, and raises as *receive* does; None where only the body says it.
    """

    receive: Callable[[Inbound, datetime], Received]
    words: replies.Words
    admit: Callable[[Inbound, datetime], object] | None = None


@dataclass(slots=True)
class Received:
    """A request that was understood: its source, its signals on their way, and those *refused*, with their own pieces of it."""

    source: KnownSource
    arrivals: list[Arrival]
    refused: Sequence[tuple[InvalidInput, bytes]] = ()

    def letters(self, inbound: Inbound, now: datetime) -> list[Letter]:
        """What is kept of the signals that were refused: each with its reason, the last of very many together."""
        pieces = [
            (error.message, error.field, piece or inbound.body) for error, piece in self.refused[: MOST_LETTERS - 1]
        ]
        if rest := self.refused[MOST_LETTERS - 1 :]:
            first, _ = rest[0]
            more = f"{first.message} And {len(rest) - 1} more." if len(rest) > 1 else first.message
            pieces.append((more, first.field, b"\n".join(piece for _, piece in rest) or inbound.body))
        content_type, source = inbound.headers.get("content-type", ""), self.source
        return [Letter(source.workspace_id, source.pk, source.kind, now, content_type, *piece) for piece in pieces]


def endpoint_for(method: str, path: str) -> Endpoint | None:
    """The endpoint of an exact method and path (without trailing slash); None when it is none of the door's."""
    if method not in ("POST", "PUT"):
        return None
    if (endpoint := ENDPOINTS.get((method, path))) is not None:
        return endpoint
    return OWN_URL if path.startswith("/in/") and "/" not in path[4:] else None


def receive(endpoint: Endpoint, inbound: Inbound, now: datetime) -> Received:
    """Read a request. Raises :class:`LookAgain` once more knowledge is needed, :class:`Refused` for a body that can't be
    understood, and other domain errors for callers who may not."""
    return endpoint.receive(inbound, now)


def answer(endpoint: Endpoint, outcomes: Sequence[Outcome]) -> Reply:
    """The reply once everything is committed."""
    return endpoint.words.accepted(outcomes)


def answer_partly(endpoint: Endpoint, outcomes: Sequence[Outcome], errors: Sequence[DomainError]) -> Reply:
    """The reply when some signals are committed and others were refused."""
    return endpoint.words.partly(outcomes, errors)


def refuse(endpoint: Endpoint, error: DomainError) -> Reply:
    """The reply to what is not taken."""
    return endpoint.words.refused(error)


def too_large(endpoint: Endpoint) -> Reply:
    """The reply to a body that nobody means to read."""
    reply = refuse(endpoint, BodyTooLarge(f"The body is larger than {settings.AIOPS_MAX_BODY_BYTES} bytes."))
    reply.headers["Connection"] = "close"
    return reply


def _webhook(inbound: Inbound, now: datetime) -> Received:
    """POST /webhook: the caller's key says the workspace, ``X-Source`` or ``?source=`` whose words the body speaks."""
    workspace_id = callers.workspace_of(inbound, now)
    word = (inbound.headers.get("x-source") or inbound.query.get("source") or "webhook").strip().lower()
    kind = SOURCE_WORDS.get(word)
    if kind is None:
        error = f"X-Source must be one of {', '.join(SOURCE_WORDS)}, not {word[:50]!r}"
        known = callers.default_source(workspace_id, SourceKind.WEBHOOK)
        raise Refused(known, UnparsableBody(error, field="X-Source"))
    return _from_source(callers.default_source(workspace_id, kind), inbound, now)


def _own_source(inbound: Inbound, now: datetime) -> KnownSource:
    """The source that the path names; whatever is no key is a key that nobody has."""
    found = SOURCE_PATH.match(inbound.path)
    return callers.source_by_key(found[1] if found else "")


def _own_url(inbound: Inbound, now: datetime) -> Received:
    """POST /in/<key>: the path is credential and source at once."""
    return _from_source(_own_source(inbound, now), inbound, now)


def _alertmanager_api(inbound: Inbound, now: datetime) -> Received:
    """POST /api/v2/alerts: Prometheus sends to us as to an Alertmanager."""
    workspace_id = callers.workspace_of(inbound, now)
    return _from_source(callers.default_source(workspace_id, SourceKind.PROMETHEUS), inbound, now)


def _events(inbound: Inbound, now: datetime) -> Received:
    """POST /api/events: a key of the workspace, and the routing key of the service."""
    actor = callers.identify(inbound, now)
    service = _addressed(inbound, lambda: callers.workspace_of(inbound, now))
    if not actor.may(Role.OPERATOR, service.workspace_id):
        raise NotPermitted("This API key may not send events to the service of this routing key.")
    return _to_service(service, inbound, now)


def _enqueue(inbound: Inbound, now: datetime) -> Received:
    """POST /v2/enqueue: the routing key in the body is the credential."""
    return _to_service(_addressed(inbound, lambda: _hinted_workspace(inbound, now)), inbound, now)


def _addressed(inbound: Inbound, workspace: Callable[[], int | None]) -> KnownService:
    """The service that the event in the body names; *workspace* tells who keeps what names none."""
    try:
        inbound.inflate()
        event = events.read_body(inbound.body)
        key = events.routing_key_of(event) or _presented_key(inbound)
        if not key:
            raise _missing_key(event)
        return callers.service_by_routing_key(key, events.validate(event))
    except InvalidInput as error:
        raise _kept_by(workspace(), error) from error
    except LookAgain as unknown:
        if isinstance(unknown.refusal, Refused):
            raise
        raise LookAgain(_kept_by(workspace(), unknown.refusal)) from None


def _kept_by(workspace_id: int | None, error: DomainError) -> DomainError | Refused:
    """The refusal of an event of that workspace; of nobody's, it is not kept."""
    return error if workspace_id is None else Refused(callers.default_source(workspace_id, SourceKind.EVENTS), error)


def _missing_key(event: Mapping[str, Any]) -> InvalidInput:
    errors = events.validate(event)
    if event.get("service_key") is not None:
        errors.insert(1, V1_EVENT)
    return InvalidInput(errors[0], field="routing_key", data={"errors": errors})


def _presented_key(inbound: Inbound) -> str:
    """A routing key outside the body."""
    return (inbound.headers.get("x-routing-key") or inbound.query.get("routing_key") or "").strip()


def _hinted_workspace(inbound: Inbound, now: datetime) -> int | None:
    """Whose an event is that can't be read: by a routing key that stands anywhere, or by an API key, which it does not need."""
    written = [found.decode() for found in ROUTING_KEY.findall(inbound.body[:HINTS])]
    for key in filter(None, [_presented_key(inbound), *written]):
        if service := directory.current().service_by_routing_key(key):
            return service.workspace_id
    try:
        return callers.workspace_of(inbound, now) if callers.presents_key(inbound) else None
    except (DomainError, LookAgain):
        return None


def _from_source(source: KnownSource, inbound: Inbound, now: datetime) -> Received:
    known = directory.current()

    def route(signal: Signal) -> Route | None:
        return known.route(source, signal.service)

    return _arrivals(source, route, inbound, now)


def _to_service(service: KnownService, inbound: Inbound, now: datetime) -> Received:
    source = callers.default_source(service.workspace_id, SourceKind.EVENTS)
    route = Route.of_service(source, service)
    return _arrivals(source, lambda _: route, inbound, now)


def _arrivals(
    source: KnownSource, route_of: Callable[[Signal], Route | None], inbound: Inbound, now: datetime
) -> Received:
    allow(source, now)
    refused: Sequence[tuple[InvalidInput, bytes]] = ()
    try:
        inbound.inflate()
        signals: Sequence[Signal] = SOURCES[source.kind](inbound.body, now)
    except PartlyRefused as partly:
        signals, refused = partly.signals, partly.refused
    except InvalidInput as error:
        raise Refused(source, error) from error
    arrivals = []
    for place, signal in enumerate(signals):
        if not signal.event_id and (message := inbound.headers.get("webhook-id")):
            signal.event_id = f"{message[:500]}/{place}"
        route = route_of(signal)
        if route is None:
            raise LookAgain(Overloaded(callers.SETTING_UP, data={"retry_after": 1}))
        arrivals.append(Arrival(uuid7(now), now, route, signal))
    return Received(source, arrivals, refused)


OWN_URL = Endpoint(_own_url, replies.WEBHOOK, _own_source)
ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/webhook"): Endpoint(_webhook, replies.WEBHOOK, callers.workspace_of),
    ("PUT", "/webhook"): Endpoint(_webhook, replies.WEBHOOK, callers.workspace_of),  # Grafana may be set to PUT
    ("POST", "/api/events"): Endpoint(_events, replies.EVENTS, callers.identify),
    ("POST", "/v2/enqueue"): Endpoint(_enqueue, replies.ENQUEUE),
    ("POST", "/api/v2/alerts"): Endpoint(_alertmanager_api, replies.ALERTMANAGER, callers.workspace_of),
}
