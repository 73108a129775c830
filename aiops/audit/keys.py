"""The keys of the seals. They are never in the database: who can write there can't make a seal.

The newest of ``AIOPS_AUDIT_KEYS`` seals; without that setting a key that is derived from ``AIOPS_SECRET_KEY`` does. All that are
known verify, so that a key can be changed.
"""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings


def sealing() -> bytes:
    """The key that seals now."""
    return _known()[0]


def by_id() -> dict[str, bytes]:
    """Every key that is known, by its id."""
    return {key_id(key): key for key in _known()}


def key_id(key: bytes) -> str:
    """What a seal says of the key that made it."""
    return hmac.new(key, b"audit key id", hashlib.sha256).hexdigest()[:16]


def _known() -> list[bytes]:
    own = [hashlib.sha256(b"audit:own:" + key.encode()).digest() for key in settings.AIOPS_AUDIT_KEYS]
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return own + [hashlib.sha256(b"audit:" + key.encode()).digest() for key in secrets]
