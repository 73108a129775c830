"""Secrets at rest: a keyed digest (HMAC) for look-ups, an encrypted copy where a secret must be shown again.

``AIOPS_SECRET_KEY`` is the key of both; ``AIOPS_SECRET_KEY_FALLBACKS`` keeps older secrets readable. Secrets are never
logged and never compared with ``==``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def make_key(prefix: str = "") -> str:
    """A fresh secret: *prefix* and 32 lower-case hex characters (128 bits)."""
    return prefix + secrets.token_hex(16)


def digest(secret: str) -> str:
    """The HMAC-SHA256 of *secret* in hex, under the current key: what is stored and looked up."""
    return _hmac(secret, settings.SECRET_KEY)


def digests(secret: str) -> list[str]:
    """Its HMACs under the current key and every fallback, newest first: look a presented secret up by any of these."""
    return [_hmac(secret, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def seal(secret: str) -> str:
    """*secret*, encrypted (Fernet: AES-128-CBC with HMAC-SHA256)."""
    return _fernet().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret back; empty when the key that sealed it is no longer known."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return ""


def _hmac(secret: str, key: str) -> str:
    return hmac.new(b"lookup:" + key.encode(), secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _fernet() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"seal:" + key.encode()).digest())) for key in keys]
    )
