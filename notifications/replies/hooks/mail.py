"""The hook of mail replies, ``/hooks/email/<key>``: a mail gateway posts the raw message, or a form or JSON that holds
it.

Mailgun posts raw messages only to addresses that end in "mime", so ``/hooks/email/<key>/mime`` is the same. Gateways
try again for hours on anything but a 2xx, so a mail that was read and refused gets a 200 that says so.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse, JsonResponse

from aiops.kernel.errors import UnparsableBody
from notifications.choices import ChannelKind
from notifications.replies import mail, signatures
from notifications.replies.hooks.entry import Call, hook
from notifications.replies.services import mail_replies

LONGEST = 2_500_000  # bytes of a post, attachments included; what is read of a mail is less (responding/mime.py)
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

_one_at_a_time = threading.Lock()  # anybody may send mails: many at once take no more than one


@hook(ChannelKind.EMAIL, longest=LONGEST)
def mail_reply(call: Call) -> HttpResponse:
    """One mail."""
    fields = _fields(call)
    if key := str(call.settings.get("webhook_secret", "")):
        signed = {name: str((fields or {}).get(name, ""))[:300] for name in ("timestamp", "token", "signature")}
        signatures.mailgun(key, **signed, now=call.now)
    if fields is None and not call.body.strip():
        raise UnparsableBody("Expected a mail as the body, or in a field such as “email”, “body-mime” or “body-plain”")
    with _one_at_a_time:
        message = mail.of_fields(fields) if fields is not None else mail.read(call.body)
    done, said = mail_replies.answer(mail=message, workspace_id=call.workspace_id, now=call.now)
    return JsonResponse({"ok": done, "said": said})


def _fields(call: Call) -> Mapping[str, Any] | None:
    """The fields of a form or an object; None when the body is the message itself."""
    kind = (call.request.content_type or "").lower()
    if kind in FORMS:
        return call.request.POST.dict()
    if kind != "application/json":
        return None
    try:
        value = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise UnparsableBody("The body is not valid JSON") from None
    if not isinstance(value, dict):
        raise UnparsableBody("The body must be a JSON object")
    # Mailgun's newer form of its signature.
    signature = value.get("signature")
    return {**value, **signature} if isinstance(signature, dict) else value
