"""Bytes of a request body → a JSON object whose texts PostgreSQL can hold."""

from __future__ import annotations

import json
from typing import Any

import orjson

from aiops.api.errors import BodyTooLarge
from aiops.kernel.errors import InvalidInput, UnparsableBody

MAX_BYTES = 1024 * 1024  # of a command; alerts come through the front door, which has a limit of its own

TYPE_WORDS = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def read_object(raw: bytes) -> dict[str, Any]:
    """The object in *raw*; an empty body means no fields, and the content type is not asked for.

    Raises ``UnparsableBody`` (no JSON, no object), ``InvalidInput`` naming the field (NUL, lone surrogate), ``BodyTooLarge``.
    """
    if len(raw) > MAX_BYTES:
        raise BodyTooLarge(f"The body is larger than {MAX_BYTES} bytes")
    if not raw.strip():
        return {}
    value = _parse(raw)
    if not isinstance(value, dict):
        raise UnparsableBody(f"The body must be a JSON object, not {TYPE_WORDS[type(value)]}")
    _refuse_unstorable(value)
    return value


def unstorable(text: str) -> str:
    """What PostgreSQL can't keep of *text*, as a noun; empty when all is well."""
    if "\0" in text:
        return "a NUL character"
    return "" if _encodable(text) else "half of a surrogate pair"


def _parse(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "surrogate" in str(error):
            _refuse_unstorable(_parse_loosely(raw))
        raise UnparsableBody(f"The body is not valid JSON: {error}") from None


def _parse_loosely(raw: bytes) -> Any:
    """Lets lone surrogates through, so that the field that holds one can be named; None when that fails too."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _refuse_unstorable(value: Any) -> None:
    """Walk every key and text of *value* (iteratively: bodies may nest deeper than Python recurses)."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict):
            for key, member in item.items():
                if problem := unstorable(key):
                    raise InvalidInput(f"A field name in {path or 'the body'} contains {problem}", field=path)
                stack.append((f"{path}.{key}" if path else key, member))
        elif isinstance(item, list):
            stack.extend((f"{path}[{place}]", member) for place, member in enumerate(item))
        elif isinstance(item, str) and (problem := unstorable(item)):
            raise InvalidInput(f"{path} contains {problem}", field=path)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
