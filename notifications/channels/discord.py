"""The Discord channel: an embed to a channel's webhook; replies are signed links. No text of a stranger can mention
anybody.
"""

from __future__ import annotations

from typing import Any

import httpx

from notifications.channels.contracts import Channel, Message, Outlet, PermanentFailure, Sent
from notifications.channels.http_call import call, check_url, json_object, rich_or_plain
from notifications.channels.text import (
    block,
    clip,
    colour,
    fit,
    footer,
    is_public,
    line,
    markdown,
    markdown_links,
    opening,
    references,
)
from notifications.choices import ChannelKind

TIMEOUT = 10.0  # seconds
CONTENT, TITLE, DESCRIPTION, FIELD = (
    1900,
    256,
    3500,
    1024,
)  # characters; Discord takes 2000, 256, 4096, 1024, 6000 in all


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Post it and wait until Discord has stored it: then it has an id."""

    def post(value: dict[str, Any]) -> httpx.Response:
        refusal: dict[str, Any] = {}

        def explain(answer: httpx.Response) -> str:
            refusal.update(json_object(answer))
            return str(refusal.get("message") or "")

        try:
            return call(
                http,
                "POST",
                str(httpx.URL(outlet.address).copy_merge_params({"wait": "true"})),
                who="Discord",
                secret_address=True,
                explain=explain,
                json=value,
                timeout=TIMEOUT,
            )
        except PermanentFailure as error:
            raise PermanentFailure(error.reason, address=error.address, form=_names_a_part(refusal)) from error

    response = rich_or_plain(lambda: post(body(message)), lambda: post(plain_body(message)))
    return Sent(ref=str(json_object(response).get("id") or ""))


def _names_a_part(refusal: dict[str, Any]) -> bool:
    """Whether Discord says which part of a body it does not take: in an object of "errors", or, of embeds, without that."""
    errors = refusal.get("errors")
    return "embeds" in refusal or (isinstance(errors, dict) and bool(errors))


def plain_body(message: Message) -> dict[str, Any]:
    """The message as text alone, for when Discord refuses the embed."""
    text = f"{line(message.subject)}\n{block(message.text)}"
    return {"content": fit(text, CONTENT, markdown), "allowed_mentions": {"parse": []}}


def body(message: Message) -> dict[str, Any]:
    """What the webhook gets."""
    subject = line(message.subject)
    embed: dict[str, Any] = {
        "title": _title(message),
        "description": fit(block(message.text), DESCRIPTION, markdown),
        "color": int(colour(message).removeprefix("#"), 16),
        "footer": {"text": footer(message)},
        "timestamp": message.created_at.isoformat(),
    }
    if message.incident and not message.others and is_public(message.incident.url):
        embed["url"] = message.incident.url  # Discord refuses the whole message for a host that has no dot
    if fields := _fields(message):
        embed["fields"] = fields
    return {
        "content": fit(subject, CONTENT, markdown),
        "embeds": [embed],
        "allowed_mentions": {"parse": []},
    }


def _title(message: Message) -> str:
    if message.others:
        return "Incidents"
    return clip(message.incident.name, TITLE) if message.incident else "Notice"


def _fields(message: Message) -> list[dict[str, str]]:
    """The links: in one field where Discord makes links of them, else each as the address that it is."""
    links = markdown_links(message)
    found = [*message.answers, *references(message)]
    if 0 < len(links) <= FIELD and all(is_public(each.url) for each in message.answers):
        return [{"name": "Answer" if message.answers else "Read", "value": links}]
    if (link := opening(message)) and not is_public(link.url):
        found.append(link)
    return [
        {"name": clip(line(each.label), TITLE) or "Link", "value": each.url} for each in found if len(each.url) <= FIELD
    ]


CHANNEL = Channel(
    kind=ChannelKind.DISCORD,
    personal=False,
    shared=True,
    address_label="Webhook URL",
    address_help="Channel settings → Integrations → Webhooks.",
    send=send,
    check_address=check_url,
)
