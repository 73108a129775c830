"""The Opsgenie channel: Alert API v2. The alias ties an incident here to its alert there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import httpx

from aiops.kernel.errors import InvalidInput
from notifications.channels.contracts import Asked, Channel, Message, Outlet, PermanentFailure, Sent
from notifications.channels.http_call import Url, call, json_object, refuses, rich_or_plain
from notifications.channels.text import block, line, references
from notifications.choices import ChannelKind

API = "https://api.opsgenie.com"
TIMEOUT = 15.0  # seconds
TITLE, ALIAS, DESCRIPTION, ENTITY, SOURCE, DETAIL = 130, 512, 15_000, 512, 100, 400  # characters
DETAILS = 7500  # characters of all details, names and values; Opsgenie takes 8000
# What an alert can do without.
FORM_WORDS = ("details", "tags", "entity", "description", "note", "exceed", "too long", "too large")
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

    def post(value: dict[str, Any]) -> httpx.Response:
        try:
            return call(
                http,
                "POST",
                f"{base}/v2/alerts{path}",
                who="Opsgenie",
                secret_address=True,
                explain=_words,
                json=value,
                headers={"Authorization": f"GenieKey {outlet.address}"},
                timeout=TIMEOUT,
            )
        except PermanentFailure as error:
            raise refuses(error, FORM_WORDS) from error

    # What may be refused for a tag or a detail still says what is wrong.
    short: dict[str, Any] = {
        name: body[name] for name in ("message", "alias", "source", "priority", "user") if name in body
    }
    response = rich_or_plain(lambda: post(body), lambda: post(short))
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
        body["details"] = _within(body["details"])
    return "", body


def _within(details: dict[str, str]) -> dict[str, str]:
    """As many of *details*, from the first, as Opsgenie takes in all: it refuses the whole alert for one too many."""
    kept, left = {}, DETAILS
    for name, value in details.items():
        left -= len(name) + len(value)
        if left >= 0:
            kept[name] = value
    return kept


def _words(response: httpx.Response) -> str:
    answer = json_object(response)
    errors = answer.get("errors")
    found = [f"{name}: {said}" for name, said in errors.items()] if isinstance(errors, dict) else []
    return "; ".join([str(answer.get("message") or ""), *found]).strip("; ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the API is."""

    base_url: Annotated[Url, Asked("API address", "https://api.eu.opsgenie.com for accounts in the EU.")] = API


CHANNEL = Channel(
    kind=ChannelKind.OPSGENIE,
    personal=False,
    shared=True,
    address_label="API key",
    address_help="Of an “API” integration of the team that is to be paged.",
    send=send,
    check_address=check_address,
    account=Account,
    bundles=False,
    updates=True,
    keyed=True,
    ordered=True,
)
