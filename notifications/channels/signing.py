"""Signatures of what we send to webhooks: ``X-Aiops-Signature: v1=<hex>[,v1=<hex>…]``, HMAC-SHA256 over the raw body.

A destination's secret may be several, separated by blanks, newest first: while a secret is rotated both sign, so that a
receiver that knows either accepts.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Aiops-Signature"
VERSION = "v1"


def signatures(secrets: str, body: bytes) -> str:
    """The header's value for *body*, one signature per secret; "" without a secret."""
    return ",".join(f"{VERSION}={_digest(secret, body)}" for secret in secrets.split())


def _digest(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
