"""The hook of Telegram, ``/hooks/telegram/<key>``: messages that people write to the bot. The answer is in the
response.

An account with a webhook secret accepts only posts with that secret in Telegram's header. Otherwise the address is the
secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpResponse, JsonResponse

from aiops.kernel.errors import UnparsableBody
from notifications.choices import ChannelKind
from notifications.delivery.models import Delivery
from notifications.delivery.services import moved_addresses
from notifications.replies import signatures
from notifications.replies.commands import read
from notifications.replies.hooks.entry import Call, hook, plain
from notifications.replies.services import responding, senders, text_commands

LONGEST = 3500  # characters; Telegram takes 4096
STRANGER = "Nothing was done. I do not know this chat. Add its number to your notification settings in the console: "
EDITED = "Nothing was done: what is changed afterwards is not read. Write it anew."
WORDLESS = "Nothing was done: there are no words in it. Answer with a word such as “ack”."
# What a person sends; other messages say what happened to the chat.
_MEDIA = (
    "animation",
    "audio",
    "contact",
    "dice",
    "document",
    "location",
    "photo",
    "sticker",
    "video",
    "video_note",
    "voice",
)
_WRITTEN = frozenset(("text", "caption", *_MEDIA))


@hook(ChannelKind.TELEGRAM)
def telegram(call: Call) -> HttpResponse:
    """One update. What is no message from a person in a chat of their own is passed over."""
    if secret := str(call.settings.get("webhook_secret", "")):
        signatures.telegram(secret, header=call.header("X-Telegram-Bot-Api-Secret-Token"))
    try:
        update = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise UnparsableBody("The body is not valid JSON") from None
    edited = isinstance(update, Mapping) and "edited_message" in update
    message = _mapping(update, "edited_message" if edited else "message")
    chat = _mapping(message, "chat")
    number = chat.get("id")
    if type(number) is int and type(message.get("migrate_to_chat_id")) is int:
        # The group became a supergroup: said once, in the old one.
        moved_addresses.moved_from(
            kind=ChannelKind.TELEGRAM,
            workspace_id=call.workspace_id,
            before=str(number),
            address=str(message["migrate_to_chat_id"]),
        )
        return HttpResponse()
    if type(number) is not int or chat.get("type") != "private" or not _WRITTEN & message.keys():
        return HttpResponse()
    with transaction.atomic():
        digest = hashlib.sha256(f"telegram:{call.provider.pk}:{update.get('update_id')}".encode()).hexdigest()
        if not responding.first_time(digest, "Telegram", call.now):
            return HttpResponse()
        answered = str(_mapping(message, "reply_to_message").get("message_id", ""))
        text = next((said for name in ("text", "caption") if isinstance(said := message.get(name), str)), "")
        if edited or not text.strip():
            return _say(number, EDITED if edited else WORDLESS)
        return _say(number, "\n".join(_answers(call, str(number), plain(text, 3000), plain(answered, 30))))


def _answers(call: Call, chat: str, text: str, answered: str) -> Sequence[str]:
    """What is said back; *answered* is Telegram's number of the message that was answered, if one was."""
    user = senders.owner_of(ChannelKind.TELEGRAM, chat)
    if user is None:
        return [STRANGER + chat]
    sent = Delivery.objects.filter(
        workspace_id=call.workspace_id, kind=ChannelKind.TELEGRAM, recipient=user, incident__isnull=False
    )
    to = sent.filter(provider_ref=answered).order_by("pk").first() if answered else None
    return text_commands.carry_out(
        user=user, workspace_id=call.workspace_id, said=read(text), now=call.now, via="Telegram", to=to
    ).lines


def _say(chat: int, text: str) -> HttpResponse:
    return JsonResponse({"method": "sendMessage", "chat_id": chat, "text": text[:LONGEST]})


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
