"""Signatures of providers' requests, each by its provider's own rule, compared in constant time. Pure.

All of them raise :class:`BadSignature`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

from aiops.kernel.errors import NotPermitted

FRESH = 300  # seconds that a Slack request may be old, or ahead
DAY = 86_400  # seconds
PORTS = {"https": 443, "http": 80}


class BadSignature(NotPermitted):
    """Nobody who knows the secret signed this, or they did so too long ago."""

    code = "bad_signature"


def slack(secret: str, body: bytes, *, timestamp: str, signature: str, now: datetime) -> None:
    """Slack's ``v0``: HMAC-SHA256 of ``v0:<timestamp>:<body>``, at most five minutes old."""
    if not secret:
        raise BadSignature("No signing secret is set for this Slack account")
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        raise BadSignature("X-Slack-Request-Timestamp is missing or no number")
    if abs(now.timestamp() - int(timestamp)) > FRESH:
        raise BadSignature("The request is older than five minutes")
    signed = hmac.new(secret.encode(), b"v0:%b:%b" % (timestamp.encode(), body), hashlib.sha256)
    _same(f"v0={signed.hexdigest()}", signature)


def twilio(token: str, url: str, fields: Iterable[tuple[str, str]], *, signature: str) -> None:
    """Twilio's: HMAC-SHA1 over the URL as they called it and every field's name and value, sorted by name.

    They sign the address now with the port and now without, and a proxy in between may end TLS or change the last slash: each
    form of *url* will do, since all of them are this one address.
    """
    if not token:
        raise BadSignature("No auth token is set for this account")
    text = "".join(name + value for name, value in sorted(set(fields)))
    given = _bytes(signature)
    same = False
    for form in url_forms(url):
        signed = hmac.new(token.encode(), (form + text).encode("utf-8", "surrogatepass"), hashlib.sha1)
        same |= hmac.compare_digest(base64.b64encode(signed.digest()), given)
    if not same:
        raise BadSignature("The signature does not match: is AIOPS_PUBLIC_URL the address that Twilio was given?")


def url_forms(url: str) -> list[str]:
    """The forms of *url* under which a caller may know it: https or http, with its port, the scheme's own port or none, with a
    slash at the end of the path or without."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = re.sub(r":\d{1,5}$", "", host)
    paths = dict.fromkeys([parts.path, parts.path.rstrip("/"), f"{parts.path.rstrip('/')}/"])
    query = f"?{parts.query}" if parts.query else ""
    return [
        f"{scheme}://{name}{path}{query}"
        for scheme, port in PORTS.items()
        for name in dict.fromkeys([host, bare, f"{bare}:{port}"])
        for path in paths
    ]


def telegram(secret: str, *, header: str) -> None:
    """Telegram's secret token, as it was given to ``setWebhook``."""
    if not hmac.compare_digest(_bytes(secret), _bytes(header)):
        raise BadSignature("X-Telegram-Bot-Api-Secret-Token does not match")


def mailgun(key: str, *, timestamp: str, token: str, signature: str, now: datetime) -> None:
    """Mailgun's: HMAC-SHA256 of timestamp and token, at most a day old (they try again for eight hours)."""
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        raise BadSignature("The post has no timestamp of Mailgun's")
    if abs(now.timestamp() - int(timestamp)) > DAY:
        raise BadSignature("The post is older than a day")
    _same(hmac.new(key.encode(), _bytes(timestamp + token), hashlib.sha256).hexdigest(), signature)


def pagerduty(secrets: str, body: bytes, *, header: str) -> None:
    """PagerDuty's list ``v1=<hex>,v1=<hex>``: HMAC-SHA256 of the body. Any of them under any of *secrets* (blanks between) will
    do; other versions are passed over."""
    given = [part.strip() for part in header.split(",")][:20]
    for secret in secrets.split():
        wanted = f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        if any(hmac.compare_digest(_bytes(wanted), _bytes(part)) for part in given):
            return
    raise BadSignature("X-PagerDuty-Signature does not match")


def _same(wanted: str, given: str) -> None:
    if not hmac.compare_digest(_bytes(wanted), _bytes(given)):
        raise BadSignature("The signature does not match")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
