"""From bytes to JSON and back, and the shape that a body must have. Pure; knows no sender."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import orjson

from aiops.kernel.errors import InvalidInput, UnparsableBody

FORM_FIELDS = 200
SIGNALS = 10_000  # in one body; real ones hold hundreds

_TYPES = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}


def load(body: bytes) -> Any:
    """The JSON value of *body*; raises :class:`UnparsableBody`.

    orjson is fast and strict. What it refuses but a sender may well mean is read by the slower standard library: a byte order
    mark, bytes that are no UTF-8 (they become U+FFFD), escaped lone surrogates, ``NaN`` and ``Infinity``.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _load_lenient(body, error)


def load_json_or_form(body: bytes) -> Any:
    """As :func:`load`, but an ``application/x-www-form-urlencoded`` body is read too: an object of texts, or, for the habit of
    sending ``payload={…}``, the JSON in it. Told by its first byte, since no JSON value with fields starts with a word."""
    if not body[:1].isalpha():
        return load(body)
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), strict_parsing=True, max_num_fields=FORM_FIELDS)
    except ValueError:
        return load(body)
    form = dict(pairs)
    return load(form["payload"].encode()) if form.keys() == {"payload"} else form


def _load_lenient(body: bytes, error: orjson.JSONDecodeError) -> Any:
    if not body.strip():
        raise UnparsableBody("The body is empty: expected JSON.") from None
    if "depth limit" in str(error):
        raise UnparsableBody("The body is nested too deeply.") from None
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        raise UnparsableBody(f"The body is not valid JSON: {error}.") from None


def dump(value: Any) -> bytes:
    """*value* as JSON bytes (a signal's own piece of a body); raises :class:`UnparsableBody` when it is nested too deeply."""
    try:
        return orjson.dumps(value)
    except TypeError:  # numbers over 64 bits, lone surrogates, more than 254 levels
        try:
            return json.dumps(value).encode()
        except RecursionError:
            raise UnparsableBody("The body is nested too deeply.") from None


def type_name(value: object) -> str:
    """What *value* is, for error texts: "a list"."""
    return "nothing" if value is None else _TYPES.get(type(value), "something else")


def require_object(value: object, path: str = "") -> dict[str, Any]:
    """*value* as a JSON object; raises naming *path*, or :class:`UnparsableBody` when it is the body as a whole."""
    if isinstance(value, dict):
        return value
    if not path:
        raise UnparsableBody(f"Expected a JSON object, got {type_name(value)}.")
    raise InvalidInput(f"{path}: expected an object, got {type_name(value)}.", field=path)


def require_items(value: list[Any], path: str = "") -> list[dict[str, Any]]:
    """The objects of an array at *path*; raises naming the one that is none, or when there are too many."""
    if len(value) > SIGNALS:
        what = f"{path}: expected" if path else "Expected"
        raise InvalidInput(f"{what} at most {SIGNALS} in one body, got {len(value)}.", field=path)
    return [require_object(item, f"{path}[{place}]") for place, item in enumerate(value)]
