"""Requests as providers sign them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import HttpResponse
from django.test import Client

from aiops.kernel import site

FORM = "application/x-www-form-urlencoded"
SLACK_SECRET, TWILIO_TOKEN, PAGERDUTY_SECRET = "slack-secret", "twilio-token", "pagerduty-secret"


def slack(
    client: Client, path: str, form: dict[str, str], at: datetime, *, secret: str = SLACK_SECRET, **headers: str
) -> HttpResponse:
    """A post as Slack signs it at *at*."""
    body = urlencode(form).encode()
    stamp = str(int(at.timestamp()))
    signed = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    own = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    return client.post(path, body, FORM, headers={**own, **headers})


def click(action: str, value: str, member: str = "U1", **more: Any) -> dict[str, str]:
    """The form of a click on a button."""
    payload = {
        "type": "block_actions",
        "user": {"id": member, "username": "whoever"},
        "actions": [{"action_id": action, "value": value, "type": "button"}],
        **more,
    }
    return {"payload": orjson.dumps(payload).decode()}


def twilio(
    client: Client, path: str, form: dict[str, str], *, token: str = TWILIO_TOKEN, url: str = ""
) -> HttpResponse:
    """A post as Twilio signs it."""
    text = (url or site.url(path)) + "".join(name + form[name] for name in sorted(form))
    signed = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return client.post(path, urlencode(form), FORM, headers={"X-Twilio-Signature": signed})


def pagerduty(client: Client, path: str, event: Any, *, secret: str = "", **headers: str) -> HttpResponse:
    """A v3 webhook, signed when there is a secret."""
    body = event if isinstance(event, bytes) else orjson.dumps({"event": event})
    if secret:
        signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-PagerDuty-Signature"] = f"v0=ignored, v1={'0' * 64},v1={signed}"
    return client.post(path, body, "application/json", headers=headers)
