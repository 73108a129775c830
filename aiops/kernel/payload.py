"""Request bodies: bytes to a JSON object whose texts PostgreSQL can hold."""

from __future__ import annotations

import json
from typing import Any

import orjson

from aiops.kernel.encodings import inflated
from aiops.kernel.errors import BodyTooLarge, InvalidInput, UnparsableBody

MAX_BYTES = 1024 * 1024  # of a command; alerts come through the front door, which has a limit of its own

TYPE_WORDS = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def read_object(raw: bytes, encoding: str = "") -> dict[str, Any]:
    """The object in *raw*; an empty body means no fields, and the content type is not asked for.

    *encoding* is the ``Content-Encoding``. Raises ``UnparsableBody`` (no JSON, no object), ``InvalidInput`` naming the field
    (NUL, lone surrogate), ``BodyTooLarge``, ``UnsupportedEncoding``.
    """
    if len(raw) > MAX_BYTES:
        raise BodyTooLarge(f"The body is larger than {MAX_BYTES} bytes")
    raw = inflated(raw, encoding, MAX_BYTES)
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
        if (value := _parse_loosely(raw)) is not None:
            _refuse_unstorable(value)
            return value
        raise UnparsableBody(f"The body is not valid JSON: {error}") from None


def _parse_loosely(raw: bytes) -> Any:
    """What orjson is too strict for: a byte order mark, UTF-16, line ends within texts, and lone surrogates, whose field can be
    named then. None when that fails too."""
    try:
        return json.loads(raw, strict=False, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(word: str) -> None:
    raise ValueError(word)


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
