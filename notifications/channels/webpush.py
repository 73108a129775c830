"""The web push channel: notifications of the installed console, encrypted for the browser (RFC 8291, 8292).

An address is what ``PushSubscription.toJSON()`` gives. The service worker gets ``{"title", "body", "url", "tag",
"delivery", "event", "urgency", "answers": [{"verb", "label", "url"}]}`` and shows only the newest of each *tag*.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid, VapidException

from aiops.kernel import site
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import Checked, Line
from notifications.channels.contracts import Asked, Channel, Message, Outlet, PermanentFailure, Sent
from notifications.channels.http_call import call, check_url
from notifications.channels.push_encryption import encrypt
from notifications.channels.text import block, clip_bytes, is_public, line
from notifications.choices import ChannelKind

TIMEOUT = 15.0  # seconds
LIFE = 3600  # seconds that the push service keeps it for a browser that is away
PAYLOAD, BODY, ANSWERS = 3900, 1200, 2  # bytes that fit (4096 with the encryption's own), bytes of text, buttons
TOKEN_LIFE = 12 * 3600  # seconds; at most 24 h are allowed
CONTACT = "mailto:postmaster@localhost.localdomain"


def make_settings() -> Mapping[str, str]:
    """A fresh pair of VAPID keys in base64url, without padding: what the browser subscribes with, and what we sign with."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {
        "public_key": _b64(point),
        "private_key": _b64(private.private_numbers().private_value.to_bytes(32, "big")),
    }


def check_address(text: str) -> str:
    """A subscription with ``endpoint`` and ``keys`` (``p256dh``, ``auth``); the form it is kept in has nothing else."""
    try:
        value = orjson.loads(text)
        keys = {name: str(value["keys"][name]).rstrip("=") for name in ("auth", "p256dh")}
        endpoint = check_url(str(value["endpoint"]))
        auth, point = (base64.urlsafe_b64decode(_padded(keys[name])) for name in ("auth", "p256dh"))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise InvalidInput(
            "address: expected a push subscription with endpoint, p256dh and auth.", field="address"
        ) from error
    if len(auth) != 16:
        raise InvalidInput("address: the subscription's auth secret is not 16 bytes long.", field="address")
    return orjson.dumps({"endpoint": endpoint, "keys": keys}, option=orjson.OPT_SORT_KEYS).decode()


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Encrypt it and hand it to the browser's push service; 404 and 410 mean that the browser has unsubscribed."""
    subscription = orjson.loads(outlet.address)
    endpoint = str(subscription["endpoint"])
    try:
        browser, auth = (base64.urlsafe_b64decode(_padded(subscription["keys"][name])) for name in ("p256dh", "auth"))
        encrypted = encrypt(payload(message), browser, auth)
        headers = _signed(endpoint, outlet)
    except (VapidException, ValueError, KeyError) as error:
        raise PermanentFailure("Web push: this workspace's keys can't be used.", address=False) from error
    headers |= {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(LIFE),
        "Urgency": "high" if message.urgency == "high" and message.event == "trigger" else "normal",
        "Topic": message.delivery_id[-32:],
    }
    # 401 and 403: signed with other keys than it was subscribed with, which only a new subscription mends.
    call(
        http,
        "POST",
        endpoint,
        who="The push service",
        secret_address=True,
        content=encrypted,
        headers=headers,
        timeout=TIMEOUT,
    )
    return Sent()


def payload(message: Message) -> bytes:
    """What the service worker reads, as JSON that fits into one push."""
    value: dict[str, Any] = {
        "title": clip_bytes(line(message.subject), 300),
        "body": clip_bytes(block(message.text or message.short), BODY),
        "url": message.incident.url if message.incident else "",
        "tag": message.incident.id if message.incident else message.delivery_id,
        "delivery": message.delivery_id,
        "event": message.event,
        "urgency": str(message.urgency),
        "answers": [
            {"verb": each.verb, "label": line(each.label, 40), "url": each.url} for each in message.answers[:ANSWERS]
        ],
    }
    if len(orjson.dumps(value)) > PAYLOAD:  # links that long are of no use on a phone
        value["answers"] = []
    return orjson.dumps(value)


def _signed(endpoint: str, outlet: Outlet) -> dict[str, str]:
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(utcnow().timestamp()) + TOKEN_LIFE,
        "sub": _contact(str(outlet.settings.get("contact") or CONTACT)),
    }
    return dict(Vapid.from_string(str(outlet.settings["private_key"])).sign(claims))


def _contact(given: str) -> str:
    """Whom a push service writes to. Apple's refuses whatever is at no public name, so that our own stands in where it can."""
    ours = site.url()
    return f"mailto:postmaster@{urlsplit(ours).hostname}" if given == CONTACT and is_public(ours) else given


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def check_contact(text: str) -> str:
    """How a push service reaches whoever sends too much: ``mailto:`` or ``https:``."""
    contact = text.strip()
    mail = contact.removeprefix("mailto:")
    where = f"https://{mail.rpartition('@')[2]}" if mail != contact and "@" in mail else contact
    good = where.startswith("https://") and len(contact) <= 300 and line(contact) == contact and is_public(where)
    if not good or re.search(r"\s", contact):
        raise InvalidInput(
            "contact: expected mailto:… or https://… at a public name: Apple's push service refuses others.",
            field="contact",
        )
    return contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The keys with which browsers subscribe."""

    contact: Annotated[str, Checked(check_contact), Asked("Contact", "mailto: or https:, for the push services.")] = (
        CONTACT
    )
    public_key: Annotated[
        Line, Asked("Public key", "Made when the account is set up; a new one ends all subscriptions.")
    ]
    private_key: Annotated[Line, Asked("Private key", "Made with the public one.", secret=True)]


CHANNEL = Channel(
    kind=ChannelKind.WEBPUSH,
    personal=True,
    shared=False,
    address_label="Browser",
    address_help="Made by the browser itself when you allow notifications.",
    send=send,
    check_address=check_address,
    account=Account,
    needs_provider=True,
    keyed=True,
    make_settings=make_settings,
)
