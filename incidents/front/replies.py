"""The replies of each ingest endpoint. Contracts: client API reference, events page, PagerDuty Events v2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiops.api import envelopes
from aiops.kernel import encodings
from aiops.kernel.errors import DomainError
from incidents import ids
from incidents.choices import Result
from incidents.contracts import Outcome
from incidents.front.requests import Reply
from incidents.response.api.events.vocab import STATES
from incidents.response.api.states import word_of

# Domain error → HTTP status, where the endpoints agree. Overload is 503, never 429: that one is final to Alertmanager.
STATUS = {
    "unparsable_body": 400,
    "invalid_input": 422,
    "body_too_large": 413,
    "unsupported_encoding": 415,
    "not_authenticated": 401,
    "not_permitted": 403,
    "not_found": 404,
    "internal_error": 500,
    "overloaded": 503,
}
RETRY_AFTER = 5
MOST_ERRORS = 20  # that an answer tells


@dataclass(frozen=True, slots=True)
class Words:
    """How an endpoint says yes, no, and yes to some."""

    accepted: Callable[[Sequence[Outcome]], Reply]
    refused: Callable[[DomainError], Reply]
    partly: Callable[[Sequence[Outcome], Sequence[DomainError]], Reply]


def _headers(error: DomainError) -> dict[str, str]:
    if error.code == "overloaded":
        return {"Retry-After": str(error.data.get("retry_after", RETRY_AFTER))}
    if error.code == "unsupported_encoding":
        return {"Accept-Encoding": encodings.TAKEN}
    return {"WWW-Authenticate": "Bearer"} if error.code == "not_authenticated" else {}


def _refused(body: Callable[[int, DomainError], Any], statuses: dict[str, int]) -> Callable[[DomainError], Reply]:
    def refused(error: DomainError) -> Reply:
        status = statuses.get(error.code, STATUS.get(error.code, 400))
        return Reply(status, body(status, error), _headers(error))

    return refused


# --- /webhook, /in/<key> --------------------------------------------------------------------------------------------------
def _webhook_item(outcome: Outcome) -> dict[str, Any]:
    signal = outcome.arrival.signal
    item: dict[str, Any] = {
        "incident_id": ids.incident_id(outcome.incident_id) if outcome.incident_id is not None else None,
        "deduplicated": outcome.deduplicated,
        "dedup_strategy": signal.dedup_strategy if outcome.deduplicated else None,
        "group_id": None,
    }
    if outcome.result not in (Result.OPENED, Result.REPEATED):
        item["result"] = outcome.result
    if outcome.reason:
        item["reason"] = outcome.reason
    if signal.warnings:
        item["warnings"] = signal.warnings
    return item


def _webhook_accepted(outcomes: Sequence[Outcome]) -> Reply:
    if not outcomes:
        nothing = {"incident_id": None, "deduplicated": False, "dedup_strategy": None, "group_id": None}
        return Reply(
            200, {"ok": True, **nothing, "result": Result.IGNORED, "reason": "this event says nothing about a state"}
        )
    body = {"ok": True, **_webhook_item(outcomes[0])}
    if len(outcomes) > 1:
        body["incidents"] = [_webhook_item(outcome) for outcome in outcomes]
    return Reply(200, body)


def _webhook_partly(outcomes: Sequence[Outcome], errors: Sequence[DomainError]) -> Reply:
    """200: the good ones are stored, the others kept. Alertmanager would take anything else for a failure of all, and send all of
    them again for as long as the bad one fires."""
    reply = _webhook_accepted(outcomes)
    told = [
        {"detail": error.message, **({"field": error.field} if error.field else {})} for error in errors[:MOST_ERRORS]
    ]
    reply.body |= {"refused": told, "refused_count": len(errors)}
    return reply


def _detail(status: int, error: DomainError) -> dict[str, Any]:
    return envelopes.client(status, error.message) | ({"field": error.field} if error.field else {})


# --- /api/events ------------------------------------------------------------------------------------------------------------
EVENT_RESULT = {
    Result.OPENED: "triggered",
    Result.REPEATED: "deduplicated",
    Result.ACKNOWLEDGED: "acknowledged",
    Result.UNACKNOWLEDGED: "unacknowledged",
    Result.RESOLVED: "resolved",
    Result.OPENED_RESOLVED: "resolved",
    Result.IGNORED: "ignored",
}


def _events_accepted(outcomes: Sequence[Outcome]) -> Reply:
    outcome = outcomes[0]
    signal = outcome.arrival.signal
    result: dict[str, Any] = {"action": EVENT_RESULT[outcome.result], "dedup_key": signal.dedup_key}
    if outcome.incident_id is not None:
        result["incident"] = {
            "id": ids.incident_id(outcome.incident_id),
            "name": outcome.incident_name,
            "status": word_of(STATES, outcome, outcome.arrival.received_at),
        }
    if outcome.reason:
        result["reason"] = outcome.reason
    if signal.warnings:
        result["warnings"] = signal.warnings
    return Reply(202, {"status": "success", "result": result})


def _events_error(status: int, error: DomainError) -> dict[str, Any]:
    issues = error.data.get("errors") or ([f"{error.field}: {error.message}"] if error.field else [])
    return envelopes.events(status, error.message, issues)


# --- /v2/enqueue ------------------------------------------------------------------------------------------------------------
def _enqueue_accepted(outcomes: Sequence[Outcome]) -> Reply:
    signal = outcomes[0].arrival.signal
    body: dict[str, Any] = {"status": "success", "message": "Event processed", "dedup_key": signal.dedup_key}
    if signal.warnings:
        body["warnings"] = signal.warnings
    return Reply(202, body)


def _enqueue_error(status: int, error: DomainError) -> dict[str, Any]:
    return envelopes.enqueue(status, error.message, error.data.get("errors", ()))


# --- /api/v2/alerts -----------------------------------------------------------------------------------------------------------
def _alertmanager_accepted(outcomes: Sequence[Outcome]) -> Reply:
    return Reply(200, {})


def _alertmanager_error(status: int, error: DomainError) -> dict[str, Any]:
    return envelopes.alertmanager(status, error.message)


def _alertmanager_partly(outcomes: Sequence[Outcome], errors: Sequence[DomainError]) -> Reply:
    """400 once the good ones are stored, as Alertmanager does: Prometheus counts it, and does not send the same again."""
    return Reply(400, envelopes.alertmanager(400, "; ".join(error.message for error in errors[:MOST_ERRORS])))


def _first(words: Callable[[DomainError], Reply]) -> Callable[[Sequence[Outcome], Sequence[DomainError]], Reply]:
    """For paths that take one signal: there is no part of it."""
    return lambda outcomes, errors: words(errors[0])


WEBHOOK = Words(_webhook_accepted, _refused(_detail, {}), _webhook_partly)
_EVENT_REFUSED = _refused(_events_error, {"invalid_input": 400})
EVENTS = Words(_events_accepted, _EVENT_REFUSED, _first(_EVENT_REFUSED))
_ENQUEUE_REFUSED = _refused(_enqueue_error, {"invalid_input": 400, "not_found": 400})
ENQUEUE = Words(_enqueue_accepted, _ENQUEUE_REFUSED, _first(_ENQUEUE_REFUSED))
ALERTMANAGER = Words(
    _alertmanager_accepted, _refused(_alertmanager_error, {"invalid_input": 400}), _alertmanager_partly
)
