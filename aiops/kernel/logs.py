"""Log filters that remove secrets."""

from __future__ import annotations

import logging
import re

SECRET = re.compile(
    r"((?:api_?key|routing_key|token|password|secret)[\"']?\s*[=:]\s*[\"']?|/in/|/respond/|/hooks/[a-z]+/)[^\s&\"',;]+",
    re.IGNORECASE,
)


def scrub(text: str) -> str:
    """*text* with the values of api_key=, routing_key=, token=, password= and of what follows /in/, /respond/ and
    /hooks/<kind>/ replaced by ``***``."""
    return SECRET.sub(r"\1***", text)


class ScrubSecrets(logging.Filter):
    """Keeps credentials that travel in URLs or bodies out of every log line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = scrub(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True
