"""The PagerDuty channel: Events API v2. Each change of an incident here changes the alert of the same key there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import httpx

from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import Line
from notifications.channels.contracts import (
    Answer,
    Asked,
    Channel,
    IncidentFacts,
    Message,
    Outlet,
    PermanentFailure,
    Sent,
)
from notifications.channels.http_call import Url, call, json_object, refuses, rich_or_plain
from notifications.channels.text import block, clip, is_link, line, references
from notifications.choices import ChannelKind

API = "https://events.pagerduty.com"
TIMEOUT = 15.0  # seconds
SUMMARY, SOURCE, DETAIL, KEY = 1024, 500, 8000, 255  # characters; 512 KB in all
SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info", "info": "info"}

FORM_WORDS = (
    "links",
    "images",
    "client",
    "custom details",
    "component",
    "too large",
    "size",
)  # what an event can do without

_KEY = re.compile(r"[A-Za-z0-9]{32}")


def check_address(text: str) -> str:
    """A routing key: 32 letters and digits."""
    key = text.strip()
    if not _KEY.fullmatch(key):
        raise InvalidInput("address: expected an integration key of 32 letters and digits.", field="address")
    return key


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Enqueue the event. The same key twice is one alert there, so that a repeat does no harm."""
    whole = event(message, outlet.address)
    # What may be refused for a link or a label still says what is wrong.
    short = {name: value for name, value in whole.items() if name not in ("links", "client_url")}
    if "payload" in short:
        short["payload"] = {name: value for name, value in short["payload"].items() if name != "custom_details"}
    response = rich_or_plain(lambda: _post(whole, outlet, http), lambda: _post(short, outlet, http))
    return Sent(ref=clip(str(json_object(response).get("dedup_key") or message.dedup_key), KEY))


def _post(body: dict[str, Any], outlet: Outlet, http: httpx.Client) -> httpx.Response:
    base = str(outlet.settings.get("base_url") or API).rstrip("/")
    try:
        return call(
            http,
            "POST",
            f"{base}/v2/enqueue",
            who="PagerDuty",
            explain=_words,
            json=body,
            timeout=TIMEOUT,
        )
    except PermanentFailure as error:
        wrong_key = "routing" in error.reason.lower()
        raise refuses(PermanentFailure(error.reason, address=wrong_key), () if wrong_key else FORM_WORDS) from error


def event(message: Message, routing_key: str) -> dict[str, Any]:
    """The body for ``/v2/enqueue``."""
    value: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": message.event,
        # A message about no incident (a test) is an alert of its own.
        "dedup_key": (message.dedup_key or message.delivery_id)[:KEY],
    }
    if message.event != "trigger":
        return value
    incident = message.incident
    value["payload"] = {
        "summary": line(incident.title if incident else message.subject, SUMMARY) or "(no title)",
        "source": line((incident.where or incident.service) if incident else "aiops", SOURCE) or "aiops",
        "severity": SEVERITIES.get(incident.severity.lower(), "error") if incident else "info",
        "timestamp": (incident.created_at if incident else message.created_at).isoformat(),
        "custom_details": _details(message, incident),
    }
    value["client"] = "aiops"
    if incident:
        value["payload"]["component"] = line(incident.service, SOURCE)
        links = [Answer("open", incident.name, incident.url), *references(message)]
        value["links"] = [{"href": each.url, "text": each.label} for each in links if is_link(each.url)]
        if is_link(incident.url):
            value["client_url"] = incident.url
    return value


def _details(message: Message, incident: IncidentFacts | None) -> dict[str, Any]:
    details: dict[str, Any] = {"text": block(message.text, DETAIL), "delivery": message.delivery_id}
    if incident:
        details |= {
            "incident": incident.name,
            "priority": incident.priority,
            "occurrences": incident.occurrences,
            "labels": {line(name, 200): line(value, 1000) for name, value in list(incident.labels.items())[:100]},
        }
    return details


def _words(response: httpx.Response) -> str:
    answer = json_object(response)
    errors = answer.get("errors")
    found = [str(error) for error in errors] if isinstance(errors, list) else []
    return "; ".join([str(answer.get("message") or ""), *found]).strip("; ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where events go, and what proves those that come back."""

    base_url: Annotated[Url, Asked("Events address", "https://events.eu.pagerduty.com for accounts in the EU.")] = API
    webhook_secret: Annotated[
        Line,
        Asked(
            "Webhook secret",
            "Of the v3 webhook subscription that tells us what is done there; several, separated by blanks, while it changes.",
            secret=True,
        ),
    ] = ""


CHANNEL = Channel(
    kind=ChannelKind.PAGERDUTY,
    personal=False,
    shared=True,
    address_label="Integration key",
    address_help="Of an “Events API V2” integration of the service that is to be paged.",
    send=send,
    check_address=check_address,
    account=Account,
    bundles=False,
    updates=True,
    keyed=True,
    ordered=True,
)
