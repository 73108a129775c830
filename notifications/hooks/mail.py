"""Mail that answers a page, posted by a mail gateway to ``/hooks/email/<key>``: the raw message, or a form or JSON that holds it.

Gateways try again for hours on anything but a 2xx, so that what was understood and refused is a 200 that says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from django.http import HttpResponse, JsonResponse

from aiops.kernel.errors import UnparsableBody
from notifications.choices import ChannelKind
from notifications.hooks.entry import Call, hook
from notifications.responding import mail
from notifications.services import mailing

FIELDS = ("email", "body-mime", "rfc822", "message", "raw", "RawEmail")  # SendGrid, Mailgun, …, Postmark
ENVELOPES = ("recipient", "to", "OriginalRecipient")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@hook(ChannelKind.EMAIL)
def mail_reply(call: Call) -> HttpResponse:
    """One mail."""
    raw, envelope = _message(call)
    if not raw.strip():
        raise UnparsableBody("Expected a mail as the body, or in a field such as “email”")
    done, said = mailing.answer(mail=mail.read(raw, envelope), workspace_id=call.workspace_id, now=call.now)
    return JsonResponse({"ok": done, "said": said})


def _message(call: Call) -> tuple[bytes, str]:
    """The message and the recipients that the gateway names beside it."""
    kind = (call.request.content_type or "").lower()
    if kind in FORMS:
        return _of(call.request.POST.dict())
    if kind == "application/json":
        try:
            value = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            raise UnparsableBody("The body is not valid JSON") from None
        return _of(value if isinstance(value, dict) else {})
    return call.body, ""


def _of(fields: Mapping[str, object]) -> tuple[bytes, str]:
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    raw = next((texts[name] for name in FIELDS if texts.get(name)), "")
    return raw.encode("utf-8", "replace"), " ".join(texts[name] for name in ENVELOPES if name in texts)[:2000]
