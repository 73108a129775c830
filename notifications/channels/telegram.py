"""The Telegram channel: the Bot API's sendMessage, with signed links as buttons under the message.

The bot's token is part of the URL. So no URL and no text of the HTTP library may reach a reason or a log.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import httpx

from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import Checked
from notifications.channels.contracts import (
    Answer,
    Asked,
    Channel,
    Message,
    Outlet,
    PermanentFailure,
    Sent,
    TemporaryFailure,
)
from notifications.channels.http_call import Url, call, json_object, refuses, rich_or_plain
from notifications.channels.text import block, clip, fit, footer, is_public, line, opening, unsaid
from notifications.choices import ChannelKind

API = "https://api.telegram.org"
TIMEOUT = 15.0  # seconds
TITLE, BODY = 500, 3000  # characters; Telegram takes 4096
ADDRESS_WORDS = (
    "chat not found",
    "blocked by the user",
    "kicked",
    "deactivated",
    "not a member",
    "upgraded to a supergroup",
)

# It takes no such form, or no answer to that message: its topic was closed or is gone.
FORM_WORDS = ("parse", "button", "too long", "entity", "entities", "markup", "repl", "thread", "topic")

_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_TOKEN = re.compile(r"\d{3,20}:[A-Za-z0-9_-]{20,100}")


def check_address(text: str) -> str:
    """A chat's number (groups are negative) or ``@channel``."""
    address = text.strip()
    if not _CHAT.fullmatch(address):
        raise InvalidInput("address: expected a chat's number such as -1001234567890, or @channel.", field="address")
    return address


def check_token(text: str) -> str:
    """A bot's token, as @BotFather gives it."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise InvalidInput("token: expected a bot's token such as 123456789:AAE….", field="token")
    return token


def check_webhook_secret(text: str) -> str:
    """What Telegram takes as a secret token."""
    if not _SECRET.fullmatch(text.strip()):
        raise InvalidInput(
            "webhook_secret: expected 16 to 256 letters, digits, _ or -, as setWebhook was given.",
            field="webhook_secret",
        )
    return text.strip()


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Send it, as an answer to the first message of the same incident if there is one; to where a group has moved, if it has."""
    if not outlet.settings.get("token"):
        raise PermanentFailure("Telegram: no bot token is set for this workspace.", address=False)
    try:
        return _to(message, outlet, http, outlet.address)
    except _Moved as moved:
        found = _to(message, outlet, http, moved.chat)
        return replace(found, moved_to=moved.chat)


class _Moved(Exception):
    """The group has become a supergroup, which has another number."""

    def __init__(self, chat: str) -> None:
        super().__init__(chat)
        self.chat = chat


def _to(message: Message, outlet: Outlet, http: httpx.Client, chat: str) -> Sent:
    def post(value: dict[str, Any]) -> httpx.Response:
        return _post(value, outlet, http)

    response = rich_or_plain(lambda: post(body(message, chat)), lambda: post(plain_body(message, chat)))
    result = json_object(response).get("result")
    number = result.get("message_id") if isinstance(result, dict) else None
    return Sent(ref=str(number or ""))


def _post(value: dict[str, Any], outlet: Outlet, http: httpx.Client) -> httpx.Response:
    base = str(outlet.settings.get("base_url") or API).rstrip("/")
    refusal: dict[str, Any] = {}

    def explain(answer: httpx.Response) -> str:
        refusal.update(json_object(answer))
        return str(refusal.get("description") or "")

    try:
        return call(
            http,
            "POST",
            f"{base}/bot{outlet.settings['token']}/sendMessage",
            who="Telegram",
            explain=explain,
            json=value,
            timeout=TIMEOUT,
        )
    except PermanentFailure as error:
        parameters = refusal.get("parameters")
        chat = str(parameters.get("migrate_to_chat_id", "")) if isinstance(parameters, dict) else ""
        if _CHAT.fullmatch(chat) and chat != value["chat_id"]:
            raise _Moved(chat) from error
        # An unknown bot is a 404, an unknown chat a 400.
        known = any(words in error.reason.lower() for words in ADDRESS_WORDS)
        raise refuses(PermanentFailure(error.reason, address=known), () if known else FORM_WORDS) from error
    except TemporaryFailure as error:
        raise _patient(error) from error


def plain_body(message: Message, chat: str) -> dict[str, Any]:
    """The message as text alone and no answer to another, for when Telegram refuses its form."""
    return {"chat_id": chat, "text": clip(f"{line(message.subject, TITLE)}\n{block(message.text)}", BODY)}


def body(message: Message, chat: str) -> dict[str, Any]:
    """What sendMessage takes."""
    buttons, links = _answers(message)
    text = "\n".join(
        filter(
            None,
            [
                f"<b>{fit(line(message.subject), TITLE, _escape)}</b>",
                fit(block(message.text), BODY, _escape),
                "\n".join(f"{_escape(line(answer.label))}: {_escape(answer.url)}" for answer in links),
                f"<i>{_escape(footer(message))}</i>",
            ],
        )
    )
    value: dict[str, Any] = {
        "chat_id": chat,
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": message.urgency == "low" or message.event == "resolve",  # good news wakes nobody
    }
    if message.previous_ref.isdecimal():
        value["reply_parameters"] = {"message_id": int(message.previous_ref), "allow_sending_without_reply": True}
    if buttons:
        value["reply_markup"] = {
            "inline_keyboard": [
                [{"text": clip(line(each.label), 60), "url": each.url} for each in buttons[place : place + 3]]
                for place in range(0, len(buttons), 3)
            ]
        }
    return value


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _answers(message: Message) -> tuple[Sequence[Answer], Sequence[Answer]]:
    """What becomes a button and what a link: Telegram refuses a whole message for a button to a host of the inside."""
    own = list(message.answers)
    if link := opening(message):
        own.append(link)
    more = unsaid(message)
    return (own, more) if all(is_public(each.url) for each in own) else ((), [*own, *more])


def _patient(error: TemporaryFailure) -> TemporaryFailure:
    """Telegram says how long to wait in its words, too: "retry after 7"."""
    found = re.search(r"retry after (\d{1,4})", error.reason.lower())
    if error.retry_after is None and found:
        return TemporaryFailure(error.reason, retry_after=float(found.group(1)), unknown=error.unknown)
    return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A bot."""

    token: Annotated[str, Checked(check_token), Asked("Bot token", "From @BotFather.", secret=True)]
    webhook_secret: Annotated[
        str,
        Checked(check_webhook_secret),
        Asked(
            "Webhook secret",
            "The secret_token that setWebhook was given (docs/answering.md); empty: the address alone is the secret.",
            secret=True,
        ),
    ] = ""
    base_url: Annotated[Url, Asked("API address", "Only for a Bot API server of your own.")] = API


CHANNEL = Channel(
    kind=ChannelKind.TELEGRAM,
    personal=True,
    shared=True,
    address_label="Chat",
    address_help="The chat's number or @channel; the bot must be a member, and a person must have written to it first.",
    send=send,
    check_address=check_address,
    account=Account,
    needs_provider=True,
    verifies=True,
)
