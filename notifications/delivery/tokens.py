"""Tokens of reply addresses (``reply+<token>@…``): they name the delivery that a mail answers. Signed, and safe in
lower case.

A token is no credential by itself: the reply must also come from the address that the delivery went to.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from django.conf import settings
from django.utils.http import base36_to_int, int_to_base36

_TOKEN = re.compile(r"([0-9a-z]{1,12})-([0-9a-f]{24})")
_ADDRESS = re.compile(r"reply\+([0-9a-z-]{10,60})@", re.IGNORECASE)


def make(delivery_id: int) -> str:
    """The token of a delivery; at most 37 characters, so that it fits before the ``@``."""
    number = int_to_base36(delivery_id)
    return f"{number}-{_sign(number, settings.SECRET_KEY)}"


def read(token: str) -> int | None:
    """The delivery that *token* names; None when it is not one of ours."""
    found = _TOKEN.fullmatch(token.lower())
    if found is None:
        return None
    number, given = found.groups()
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(hmac.compare_digest(_sign(number, key), given) for key in keys):
        return None
    return base36_to_int(number)


def in_addresses(text: str) -> str:
    """The first token in a line of addresses, "" when there is none."""
    found = _ADDRESS.search(text)
    return found[1].lower() if found else ""


def _sign(number: str, key: str) -> str:
    return hmac.new(b"aiops.reply:" + key.encode(), number.encode(), hashlib.sha256).hexdigest()[:24]
