"""The hooks of SMS and calls, ``/hooks/sms/<key>`` and ``/hooks/voice/<key>``: texts, pressed keys, and states of
messages.

Twilio, or a service that speaks its API, posts them with ``?delivery=dlv-…`` where they belong to one delivery. Every
post is signed with the account's token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from django.db import transaction
from django.http import HttpResponse, QueryDict

from aiops.kernel import site
from aiops.kernel.errors import DomainError
from notifications.channels import phone
from notifications.channels.twilio import KEYS as SPOKEN_KEYS
from notifications.channels.twilio import say
from notifications.choices import ChannelKind, DeliveryState
from notifications.delivery.services import receipts
from notifications.delivery.verbs import by_key
from notifications.replies import signatures
from notifications.replies.commands import read
from notifications.replies.hooks.entry import Call, hook, plain
from notifications.replies.services import responding, senders, text_commands

# Twilio's words for how far a message or a call has come. The others ("queued", "sent", "ringing", …) are no news.
STATES = {
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "undelivered": DeliveryState.FAILED_PERMANENT,
    "failed": DeliveryState.FAILED_PERMANENT,
    "completed": DeliveryState.DELIVERED,  # a call that was taken
    "busy": DeliveryState.FAILED_PERMANENT,
    "no-answer": DeliveryState.FAILED_PERMANENT,
    "canceled": DeliveryState.FAILED_PERMANENT,
}
KEYPAD = tuple("0123456789*#")
SPOKEN = 1200  # characters that are read out
LONGEST = 600  # characters of an answer by text message
STRANGER = (
    "Nothing was done. This number is nobody's own here: add it to your notification settings in the console. "
    "A shared phone can't answer."
)
ASKED_AGAIN = 2  # times in one call
UNDONE = "Nothing was done, and the escalation goes on. Goodbye."


@hook(ChannelKind.SMS, ChannelKind.VOICE)
def twilio(call: Call) -> HttpResponse:
    """A status, an answer by text, or a key."""
    form = call.form()
    signatures.twilio(
        str(call.settings.get("auth_token", "")),
        site.url(call.request.get_full_path()),
        [(name, value) for name, values in form.lists() for value in values],
        signature=call.header("X-Twilio-Signature"),
    )
    with transaction.atomic():
        if "Digits" in form:
            return _pressed(call, form)
        if "Body" in form and form.get("SmsStatus", "received") == "received":
            return _wrote(call, form)
        _status(call, form)
    return _twiml()


def _wrote(call: Call, form: QueryDict) -> HttpResponse:
    """An answer by text message: "12 ack", "ack", "ack all", "12 snooze 2h", "help"."""
    if not _fresh(call, form.get("MessageSid", "")):
        return _twiml()
    user = senders.owner_of(ChannelKind.SMS, form.get("From", ""))
    if user is None:
        return _twiml(f"<Message>{escape(STRANGER)}</Message>")
    said = read(plain(form.get("Body", ""), 1600))
    reply = text_commands.carry_out(
        user=user, workspace_id=call.workspace_id, said=said, now=call.now, via="a text message"
    )
    return _twiml(f"<Message>{escape(_fit(reply.lines))}</Message>")


def _pressed(call: Call, form: QueryDict) -> HttpResponse:
    """A key during a call, or none. The incidents are those of its delivery; it went to somebody's own phone, or nobody acts.

    Another key is asked about again, a few times: whoever is woken by a call may well miss the key.
    """
    digit, asked = form.get("Digits", "")[:1], call.request.GET.get("asked", "0")
    public_id = call.request.GET.get("delivery", "")
    if not _fresh(call, f"{form.get('CallSid', '')}:{digit}:{public_id}:{asked}"):
        return _twiml()
    verb = by_key(digit)
    if verb is None:
        return _ask_again(call, digit, int(asked) if asked in ("0", "1", "2") else ASKED_AGAIN)
    try:
        lines = responding.by_delivery(public_id, call.workspace_id, verb.word, call.now, via="a call")
        _note(call, form.get("CallSid", ""), DeliveryState.READ, f"key {digit}")  # a mailbox presses none
    except DomainError as refused:
        lines = [responding.NOTHING, text_commands.sentence(refused)]
    return _twiml(f"<Say>{escape(say(plain(' '.join(lines), SPOKEN)))} Goodbye.</Say>")


def _ask_again(call: Call, digit: str, asked: int) -> HttpResponse:
    wrong = f"{digit} does nothing here." if digit in KEYPAD else "No key was pressed."
    if asked >= ASKED_AGAIN:
        return _twiml(f"<Say>{wrong} {UNDONE}</Say>")
    again = urlencode({"delivery": call.request.GET.get("delivery", ""), "asked": asked + 1})
    url = site.url(f"{call.request.path}?{again}")
    gather = f'<Gather numDigits="1" timeout="8" actionOnEmptyResult="true" action={quoteattr(url)} method="POST">'
    return _twiml(f"{gather}<Say>{wrong} {SPOKEN_KEYS}</Say></Gather><Say>{UNDONE}</Say>")


def _status(call: Call, form: QueryDict) -> None:
    """What became of a message or call. A failed one counts as unreached, so that the next step comes at once."""
    word = form.get("MessageStatus") or form.get("SmsStatus") or form.get("CallStatus") or ""
    state = STATES.get(word)
    if state == DeliveryState.DELIVERED and form.get("AnsweredBy", "").startswith(("machine", "fax")):
        state, word = DeliveryState.FAILED_PERMANENT, "a mailbox answered"  # said only by accounts that look for one
    ref = form.get("MessageSid") or form.get("SmsSid") or form.get("CallSid") or ""
    if state is None or not ref:
        return
    _note(call, ref, state, f"{word} {form.get('ErrorCode', '')}".strip())


def _note(call: Call, ref: str, state: DeliveryState, detail: str) -> None:
    kind = ChannelKind(call.provider.kind)
    # This may overtake the answer in which we learn the reference.
    responding.learn_reference(call.request.GET.get("delivery", ""), call.workspace_id, kind, plain(ref, 100))
    receipts.note(
        workspace_id=call.workspace_id,
        kind=kind,
        ref=plain(ref, 100),
        state=state,
        detail=plain(detail, 100),
        now=call.now,
    )


def _fresh(call: Call, what: str) -> bool:
    """Whether this is no repetition: their signature has no time in it."""
    digest = hashlib.sha256(f"twilio:{call.provider.pk}:{what}".encode("utf-8", "replace")).hexdigest()
    return responding.first_time(digest, "Twilio", call.now)


def _fit(lines: Sequence[str]) -> str:
    """The answer as a text message; typographic marks would make it cost twice as many parts."""
    text = phone.plain("\n".join(lines))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _twiml(inner: str = "") -> HttpResponse:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
    return HttpResponse(body, content_type="text/xml; charset=utf-8")
