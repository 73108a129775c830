"""Opsgenie: Alert API v2. The alias ties an incident here to its alert there."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx

from aiops.kernel.errors import InvalidInput
from notifications.channels.text import block, line, references
from notifications.channels.wire import call, check_url, json_object
from notifications.choices import ChannelKind
from notifications.contracts import Channel, Message, Outlet, Sent, Setting

API = "https://api.opsgenie.com"
TIMEOUT = 15.0  # seconds
TITLE, ALIAS, DESCRIPTION, ENTITY, SOURCE, DETAIL = 130, 512, 15_000, 512, 100, 400  # characters
PRIORITIES = {"critical": "P1", "high": "P2", "medium": "P3", "low": "P4", "info": "P5"}

_KEY = re.compile(r"[A-Za-z0-9-]{20,64}")


def check_address(text: str) -> str:
    """The API key of an integration."""
    key = text.strip()
    if not _KEY.fullmatch(key):
        raise InvalidInput("address: expected the API key of an “API” integration.", field="address")
    return key


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Create, acknowledge or close the alert. Opsgenie answers 202 and works later; the same alias twice is one alert."""
    alias = (message.dedup_key or message.delivery_id)[:ALIAS]
    base = str(outlet.settings.get("base_url") or API).rstrip("/")
    path, body = _request(message, alias)
    response = call(
        http,
        "POST",
        f"{base}/v2/alerts{path}",
        who="Opsgenie",
        secret_address=True,
        explain=lambda answer: str(json_object(answer).get("message") or ""),
        json=body,
        headers={"Authorization": f"GenieKey {outlet.address}"},
        timeout=TIMEOUT,
    )
    return Sent(ref=alias, detail=line(str(json_object(response).get("requestId") or ""), 100))


def _request(message: Message, alias: str) -> tuple[str, dict[str, Any]]:
    incident = message.incident
    if message.event != "trigger":
        verb = "acknowledge" if message.event == "acknowledge" else "close"
        who = (incident.acknowledged_by if verb == "acknowledge" else incident.resolved_by) if incident else ""
        path = f"/{quote(alias, safe='')}/{verb}?identifierType=alias"
        return path, {"user": line(who, 100) or "aiops", "source": "aiops", "note": block(message.text, DESCRIPTION)}
    body: dict[str, Any] = {
        "message": line(incident.title if incident else message.subject, TITLE) or "(no title)",
        "alias": alias,
        "description": block(message.text, DESCRIPTION),
        "source": "aiops",
        "priority": PRIORITIES.get(incident.severity.lower(), "P3") if incident else "P5",
        "details": {"delivery": message.delivery_id},
    }
    if incident:
        body["entity"] = line(incident.where or incident.service, ENTITY)
        body["tags"] = [line(incident.severity, 50), line(incident.service, 50)]
        body["details"] |= {"incident": incident.name, "url": incident.url, "priority": incident.priority}
        body["details"] |= {line(each.label, 100): each.url for each in references(message)}
        body["details"] |= {line(name, 100): line(value, DETAIL) for name, value in list(incident.labels.items())[:15]}
    return "", body


CHANNEL = Channel(
    kind=ChannelKind.OPSGENIE,
    personal=False,
    shared=True,
    address_label="API key",
    address_help="Of an “API” integration of the team that is to be paged.",
    send=send,
    check_address=check_address,
    settings=(
        Setting(
            "base_url",
            "API address",
            "https://api.eu.opsgenie.com for accounts in the EU.",
            required=False,
            default=API,
            check=lambda text: check_url(text, field="base_url"),
        ),
    ),
    bundles=False,
    updates=True,
    keyed=True,
    ordered=True,
)
