"""A browser's push service, and the browser behind it, which alone can read what it gets (RFC 8291)."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02

from tests.receivers.http import Answer, HttpReceiver, Request


class PushReceiver(HttpReceiver):
    """201 for a push to the one subscription, 410 once it has ended, 403 unless it is signed with the keys it was made with."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False
        self.subscribed_with = ""  # the VAPID public key; "": any
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    @property
    def subscription(self) -> dict[str, Any]:
        """What the browser's ``PushSubscription.toJSON()`` gives."""
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": _b64(point), "auth": _b64(self._auth)}
        return {"endpoint": f"{self.url}/push/abc", "expirationTime": None, "keys": keys}

    def answer(self, request: Request) -> Answer:
        if self.ended:
            return Answer(410, b"gone")
        if len(request.body) > 4096:
            return Answer(413, b"too large")
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme != "vapid" or not Vapid02.verify(request.headers["authorization"]):
            return Answer(401, b"not signed")
        public = dict(part.strip().split("=", 1) for part in credentials.split(","))["k"]
        if self.subscribed_with and public != self.subscribed_with:
            return Answer(403, b"other keys")
        return Answer(201)

    def read(self, request: Request) -> dict[str, Any]:
        """The payload as the service worker reads it."""
        assert request.headers["content-encoding"] == "aes128gcm"
        return dict(json.loads(http_ece.decrypt(request.body, private_key=self._key, auth_secret=self._auth)))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
