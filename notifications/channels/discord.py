"""Discord: an embed to a channel's webhook; the answers are signed links. Nobody is mentioned, whatever the text says."""

from __future__ import annotations

from typing import Any

import httpx

from notifications.channels.text import block, clip, colour, fit, footer, line, markdown, markdown_links
from notifications.channels.wire import call, check_url, json_object
from notifications.choices import ChannelKind
from notifications.contracts import Channel, Message, Outlet, Sent

TIMEOUT = 10.0  # seconds
CONTENT, TITLE, DESCRIPTION, FIELD = (
    1900,
    256,
    3500,
    1024,
)  # characters; Discord takes 2000, 256, 4096, 1024, 6000 in all


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Post it and wait until Discord has stored it: then it has an id."""
    response = call(
        http,
        "POST",
        str(httpx.URL(outlet.address).copy_merge_params({"wait": "true"})),
        who="Discord",
        secret_address=True,
        explain=lambda answer: str(json_object(answer).get("message") or ""),
        json=body(message),
        timeout=TIMEOUT,
    )
    return Sent(ref=str(json_object(response).get("id") or ""))


def body(message: Message) -> dict[str, Any]:
    """What the webhook gets."""
    subject = line(message.subject)
    embed: dict[str, Any] = {
        "title": clip(message.incident.name, TITLE) if message.incident else "Notice",
        "description": fit(block(message.text), DESCRIPTION, markdown),
        "color": int(colour(message).removeprefix("#"), 16),
        "footer": {"text": footer(message)},
        "timestamp": message.created_at.isoformat(),
    }
    if message.incident:
        embed["url"] = message.incident.url
    links = markdown_links(message)
    if 0 < len(links) <= FIELD:
        embed["fields"] = [{"name": "Answer", "value": links}]
    elif links:
        embed["fields"] = [
            {"name": clip(line(answer.label), TITLE), "value": answer.url}
            for answer in message.answers
            if len(answer.url) <= FIELD
        ]
    return {
        "content": fit(subject, CONTENT, markdown),
        "embeds": [embed],
        "allowed_mentions": {"parse": []},
    }


CHANNEL = Channel(
    kind=ChannelKind.DISCORD,
    personal=False,
    shared=True,
    address_label="Webhook URL",
    address_help="Channel settings → Integrations → Webhooks.",
    send=send,
    check_address=check_url,
)
