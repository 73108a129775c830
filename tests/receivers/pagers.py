"""PagerDuty and Opsgenie, as far as we speak to them, and PagerDuty's own webhooks back to us."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

from tests.patience import PATIENCE
from tests.receivers.http import Answer, HttpReceiver, Request


class PagerDutyReceiver(HttpReceiver):
    """``/v2/enqueue``: 202, or 400 with the reasons; keeps the state of each key. Posts v3 webhooks, signed."""

    routing_key = "0123456789abcdef0123456789abcdef"
    webhook_secret = "pagerduty-webhook-secret"

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, str] = {}  # dedup key → triggered, acknowledged, resolved
        self.pages = 0

    def answer(self, request: Request) -> Answer:
        body = request.json
        errors = []
        if body.get("routing_key") != self.routing_key:
            errors.append("'routing_key' is invalid (must be a 32 character integration key)")
        if body.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            errors.append("'event_action' is invalid")
        if len(body.get("dedup_key", "")) > 255:
            errors.append("'dedup_key' is too long")
        if body.get("event_action") == "trigger":
            errors += self._problems(body.get("payload", {}))
        if errors or len(request.body) > 512_000:
            return Answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})
        self._apply(body["event_action"], body["dedup_key"])
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]})

    def webhook(
        self, url: str, event_type: str, dedup_key: str, *, secrets: tuple[str, ...] = (), **data: Any
    ) -> httpx.Response:
        """Tell *url* what somebody did at PagerDuty (``incident.acknowledged`` …)."""
        incident = {"id": "PGR0VU2", "type": "incident", "incident_key": dedup_key, "title": "An incident", **data}
        event = {
            "id": str(uuid.uuid4()),
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "agent": {"id": "PLH1HKV", "summary": "Tenex Engineer", "type": "user_reference"},
            "client": None,
            "data": incident,
        }
        body = json.dumps({"event": event}).encode()
        keys = secrets or (self.webhook_secret,)
        signed = ",".join(f"v1={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}" for key in keys)
        headers = {"Content-Type": "application/json", "X-PagerDuty-Signature": signed, "X-Webhook-Id": event["id"]}
        return httpx.post(url, content=body, headers=headers, timeout=PATIENCE)

    def _apply(self, action: str, key: str) -> None:
        state = self.alerts.get(key, "resolved")
        if action == "trigger":
            self.pages += state == "resolved"
            self.alerts[key] = "triggered" if state == "resolved" else state
        elif state != "resolved":
            self.alerts[key] = "acknowledged" if action == "acknowledge" else "resolved"

    @staticmethod
    def _problems(payload: dict[str, Any]) -> list[str]:
        found = []
        if not 0 < len(payload.get("summary", "")) <= 1024:
            found.append("'payload.summary' is missing, blank or too long")
        if not payload.get("source"):
            found.append("'payload.source' is missing or blank")
        if payload.get("severity") not in ("critical", "error", "warning", "info"):
            found.append("'payload.severity' is invalid")
        return found


class OpsgenieReceiver(HttpReceiver):
    """``/v2/alerts``: create, acknowledge and close by alias; 202, and 422 for what is too long."""

    key = "00000000-1111-2222-3333-444444444444"

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, str] = {}  # alias → open, acknowledged, closed

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"GenieKey {self.key}":
            return Answer(
                403, {"message": "You are not authorized to perform this operation!", "took": 0.0, "requestId": "r"}
            )
        body = request.json
        if request.path == "/v2/alerts":
            limits = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100}
            if any(len(body.get(name, "")) > limit for name, limit in limits.items()) or not body.get("message"):
                return Answer(422, {"message": "Request body is not processable.", "took": 0.0, "requestId": "r"})
            self.alerts[body["alias"]] = "open"
        else:
            alias, verb = unquote(request.path).removeprefix("/v2/alerts/").rsplit("/", 1)
            assert request.query["identifierType"] == "alias"
            self.alerts[alias] = {"acknowledge": "acknowledged", "close": "closed"}[verb]
        return Answer(202, {"result": "Request will be processed", "took": 0.1, "requestId": "43a29c5c-3dbf-4fa4-9c26"})
