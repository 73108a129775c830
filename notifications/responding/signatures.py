"""Whether a request comes from the provider it claims to: each provider's own signature, compared in constant time. Pure.

All of them raise :class:`BadSignature`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from aiops.kernel.errors import NotPermitted

FRESH = 300  # seconds that a Slack request may be old, or ahead


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
    """Twilio's: HMAC-SHA1 over the URL as they called it and every field's name and value, sorted by name."""
    if not token:
        raise BadSignature("No auth token is set for this account")
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    signed = hmac.new(token.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha1)
    _same(base64.b64encode(signed.digest()).decode(), signature)


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
