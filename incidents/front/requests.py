"""An ingest request and its reply as values, whichever carrier brought the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.conf import settings

from aiops.kernel.encodings import GZIP, inflated
from incidents.ingest.sources.body import as_utf8

WANTED = frozenset(
    (
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"host",
        b"origin",
        b"x-api-key",
        b"x-routing-key",
        b"x-source",
        b"x-workspace-id",
        b"x-workspace-name",
        b"webhook-id",
    )
)


@dataclass(slots=True)
class Inbound:
    """What arrived: path without its trailing slash, the headers that the door reads (lower case), query and body."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    address: str = ""  # the sender's, for the audit

    def inflate(self) -> None:
        """Undo what ``Content-Encoding`` says of the body, once, and the charset of ``Content-Type``. Raises ``InvalidInput``,
        and leaves the body as it came then."""
        encoding = self.headers.get("content-encoding", "")
        if encoding or self.body.startswith(GZIP):
            self.body = inflated(self.body, encoding, settings.AIOPS_MAX_BODY_BYTES)
            self.headers = {name: value for name, value in self.headers.items() if name != "content-encoding"}
        self.body = as_utf8(self.body, self.headers.get("content-type", ""))


@dataclass(slots=True)
class Reply:
    """What goes back: a JSON body (None: none), its status, and headers beside content type and length."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return b"" if self.body is None else orjson.dumps(self.body)


def wanted_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Those of an ASGI request's headers that the door reads."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in raw if name in WANTED}


MOST_PARAMETERS = 100  # of a query string that are read; none of them is worth losing a signal for


def parse_query(raw: bytes) -> dict[str, str]:
    """A query string's parameters, the first hundred; the first of a repeated one counts."""
    if not raw:
        return {}
    read = b"&".join(raw.split(b"&", MOST_PARAMETERS)[:MOST_PARAMETERS])
    return dict(reversed(parse_qsl(read.decode("latin-1"))))
