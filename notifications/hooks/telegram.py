"""Telegram: what people write to the bot, posted to ``/hooks/telegram/<key>``. The answer goes back in our own answer.

Telegram can say a secret of its own in a header; the address is one already, and nobody else has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpResponse, JsonResponse

from aiops.kernel.errors import UnparsableBody
from notifications.choices import ChannelKind
from notifications.hooks.entry import Call, hook, plain
from notifications.responding.commands import parse
from notifications.services import answering, people, responding

LONGEST = 3500  # characters; Telegram takes 4096
STRANGER = "I do not know this chat. Add its number to your notification settings in the console: "


@hook(ChannelKind.TELEGRAM)
def telegram(call: Call) -> HttpResponse:
    """One update. What is no message from a person in a chat of their own is passed over."""
    try:
        update = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise UnparsableBody("The body is not valid JSON") from None
    message = _mapping(update, "message")
    chat, text = _mapping(message, "chat"), message.get("text")
    number = chat.get("id")
    if type(number) is not int or not isinstance(text, str) or chat.get("type") != "private":
        return HttpResponse()
    with transaction.atomic():
        digest = hashlib.sha256(f"telegram:{call.provider.pk}:{update.get('update_id')}".encode()).hexdigest()
        if not responding.first_time(digest, "Telegram", call.now):
            return HttpResponse()
        return _say(number, "\n".join(_answers(call, str(number), plain(text, 3000))))


def _answers(call: Call, chat: str, text: str) -> list[str]:
    user = people.owner_of(ChannelKind.TELEGRAM, chat)
    if user is None:
        return [STRANGER + chat]
    command = parse(text.lstrip().removeprefix("/"))
    return answering.obey(user=user, workspace_id=call.workspace_id, command=command, now=call.now, via="Telegram")


def _say(chat: int, text: str) -> HttpResponse:
    return JsonResponse({"method": "sendMessage", "chat_id": chat, "text": text[:LONGEST]})


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
