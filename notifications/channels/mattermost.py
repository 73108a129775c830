"""The Mattermost channel: an attachment to an incoming webhook; replies are signed links."""

from __future__ import annotations

from typing import Any

import httpx

from notifications.channels.contracts import Channel, Message, Outlet, PermanentFailure, Sent
from notifications.channels.http_call import call, check_url, json_object, refuses, rich_or_plain
from notifications.channels.text import block, colour, fit, footer, line, markdown, markdown_links
from notifications.choices import ChannelKind

TIMEOUT = 10.0  # seconds
TITLE, BODY, PLAIN = 300, 6000, 3500  # characters; Mattermost takes 16,383 in all, an old one 4000
FORM_WORDS = ("attachment", "props", "too long", "too large", "too big")  # the same as text it may take
WRONG_HOOK = ("web_hook", "webhook", "channel")


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Post it; the webhook gives no id, so that nothing can be changed later."""

    def post(value: dict[str, Any]) -> httpx.Response:
        try:
            return call(
                http,
                "POST",
                outlet.address,
                who="Mattermost",
                secret_address=True,
                explain=lambda response: str(json_object(response).get("message") or ""),
                json=value,
                timeout=TIMEOUT,
            )
        except PermanentFailure as error:
            raise refuses(error, FORM_WORDS) from error

    try:
        rich_or_plain(lambda: post(body(message)), lambda: post(plain_body(message)))
    except PermanentFailure as error:
        # A deleted webhook or channel is a 400 there.
        wrong_hook = any(word in error.reason.lower() for word in WRONG_HOOK)
        raise PermanentFailure(error.reason, address=error.address or wrong_hook) from error
    return Sent()


def plain_body(message: Message) -> dict[str, Any]:
    """The message as text alone, for when Mattermost refuses the attachment."""
    text = f"{line(message.subject, TITLE)}\n{block(message.text)}"
    return {"text": fit(text, PLAIN, markdown)}


def body(message: Message) -> dict[str, Any]:
    """What the webhook gets."""
    alone = message.incident if not message.others else None
    title = fit(line(message.subject, TITLE), TITLE * 2, markdown)
    return {
        # Only the text above an attachment rings the phone; nothing in it can call people by "@".
        "text": title,
        "attachments": [
            {
                "fallback": title,
                "color": colour(message),
                "title": alone.name if alone else "",
                "title_link": alone.url if alone else "",
                "text": "\n\n".join(filter(None, [fit(block(message.text), BODY, markdown), markdown_links(message)])),
                "footer": footer(message),
            }
        ],
    }


CHANNEL = Channel(
    kind=ChannelKind.MATTERMOST,
    personal=False,
    shared=True,
    address_label="Webhook URL",
    address_help="Integrations → Incoming Webhooks.",
    send=send,
    check_address=check_url,
)
