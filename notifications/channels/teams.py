"""The Microsoft Teams channel: an Adaptive Card to the URL of a Workflows (Power Automate) webhook; its actions open
signed links.

Texts go into TextRuns, which Teams never reads as Markdown.
"""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from notifications.channels.contracts import Channel, Message, Outlet, Sent
from notifications.channels.http_call import call, check_url
from notifications.channels.text import block, clip, footer, is_link, line, opening, references
from notifications.choices import ChannelKind

URL = 2000  # characters of an address
TIMEOUT = 20.0  # seconds; a cold workflow takes its time
BODY, LINES, ACTIONS = 6000, 60, 6  # characters and lines of text; Teams takes six actions
# Bytes of a card: Teams takes 28 KB, and counts some thousand of its own to what was sent. Text is shortened to no less than …
BYTES, SHORTEST = 20_000, 300
STYLES = {"critical": "attention", "high": "attention", "medium": "warning", "low": "accent", "info": "default"}


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Post the card. The workflow only says that it will run; 202 is all the receipt there is."""
    body = {
        "type": "message",
        "summary": line(message.subject, 200),
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": fitting_card(message)}],
    }
    call(http, "POST", outlet.address, who="Teams", secret_address=True, json=body, timeout=TIMEOUT)
    return Sent()


def fitting_card(message: Message) -> dict[str, Any]:
    """The card with as much of the text as fits: Teams drops a larger one after the workflow has said that it will run."""
    length = BODY
    while len(orjson.dumps(made := card(message, length))) > BYTES and length > SHORTEST:
        length = length * 2 // 3
    return made


def card(message: Message, length: int = BODY) -> dict[str, Any]:
    """The message as an Adaptive Card of version 1.4, with at most *length* characters of its text."""
    severity = message.incident.severity.lower() if message.incident else "info"
    style = "good" if message.event == "resolve" else STYLES.get(severity, "default")
    text = block(message.text, length).split("\n")
    body: list[dict[str, Any]] = [
        {
            "type": "Container",
            "style": style,
            "bleed": True,
            "items": [_run(line(message.subject, 500) or "(no title)", weight="Bolder", size="Medium")],
        },
        *(_run(each) for each in text[:LINES] if each.strip()),
        _run(footer(message), size="Small", isSubtle=True),
    ]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": line(message.subject, 200),
        "msteams": {"width": "Full"},
        "body": body,
        "actions": _actions(message),
    }


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}


def _actions(message: Message) -> list[dict[str, str]]:
    """The six that matter most: two answers, the incident, its runbook and a dashboard; the other answers have what is left."""
    first, later = message.answers[:2], message.answers[2:]
    links = [*first]
    if link := opening(message):
        links += [link, *references(message)[:2]]
    return [
        {"type": "Action.OpenUrl", "title": clip(line(each.label), 40), "url": each.url}
        for each in [*links, *later]
        if is_link(each.url) and len(each.url) <= URL
    ][:ACTIONS]


CHANNEL = Channel(
    kind=ChannelKind.TEAMS,
    personal=False,
    shared=True,
    address_label="Workflow URL",
    address_help="In Teams: Workflows → “Post to a channel when a webhook request is received”.",
    send=send,
    check_address=check_url,
)
