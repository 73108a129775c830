"""JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JSONRenderer(BaseRenderer):
    """Anything JSON-able to UTF-8 bytes; aware times become RFC 3339 with ``Z`` (dialects that cut them write text)."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """No data is an empty body."""
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z)


class AlwaysFirst(BaseContentNegotiation):
    """One representation, whatever ``Accept`` says: a browser or a bare client gets JSON, not 406."""

    def select_parser(self, request: Request, parsers: list[Any]) -> Any:
        return parsers[0] if parsers else None

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
