"""Bodies of requests: bytes to JSON, and the shape that a body must have. Pure; knows no sender."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from aiops.kernel.errors import InvalidInput, UnparsableBody
from incidents.contracts import Signal
from incidents.errors import PartlyRefused

FORM_FIELDS = 200
SIGNALS = 10_000  # in one body; real ones hold hundreds
LONGEST_NUMBER = 4_000  # digits; Python would refuse to read longer ones, and nobody calculates with them
# Other encodings in which a body is read where its content type names them. Each costs time in step with the body's length.
CHARSETS = frozenset(
    ("iso8859-1", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15", "cp1250", "cp1251", "cp1252", "cp1253",
     "cp1254", "koi8-r", "shift_jis", "euc_jp", "euc_kr", "gb2312", "gbk", "gb18030", "big5", "utf-16", "utf-32")
)  # fmt: skip
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)

_TYPES = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}


def load(body: bytes) -> Any:
    """The JSON value of *body*; raises :class:`UnparsableBody`.

    orjson is fast and strict. What it refuses but a sender may well mean is read by the slower standard library: a byte order
    mark, UTF-16 and UTF-32, bytes that are no UTF-8 (they become U+FFFD), line breaks and other control characters inside a text,
    escaped lone surrogates, ``NaN`` and ``Infinity``, numbers of any length. JSON that was written as a JSON text once more is
    read as what it holds.
    """
    value = _load(body)
    if is_json_text(value):
        try:
            return _load(value.encode("utf-8", "surrogatepass"))
        except UnparsableBody:
            return value
    return value


def load_as_written(body: bytes) -> Any:
    """As :func:`load`, for a body that it could read, but fractions and large numbers are texts, digit by digit as they were
    sent: identifiers must not be rounded."""
    try:
        value = _standard(_decoded(body), str)
        return _standard(value, str) if is_json_text(value) else value
    except RecursionError:
        raise UnparsableBody("The body is nested too deeply.") from None


def is_json_text(value: object) -> bool:
    """Whether *value* is a text that looks like an object or array of JSON."""
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[")


def as_utf8(body: bytes, content_type: str) -> bytes:
    """*body* in UTF-8, where it is in another encoding that *content_type* names. What is UTF-8 already stays as it is: that is
    what JSON is in, and a content type that says otherwise is wrong more often than right."""
    if "charset" not in content_type.lower() or body.isascii() or (named := _CHARSET.search(content_type)) is None:
        return body
    try:
        charset = codecs.lookup(named[1]).name
        if charset not in CHARSETS or _is_utf8(body):
            return body
        return body.decode(charset).encode("utf-8", "surrogatepass")
    except (LookupError, UnicodeError):
        return body


def load_json_or_form(body: bytes) -> Any:
    """As :func:`load`, but an ``application/x-www-form-urlencoded`` body is read too: an object of texts, or, for the habit of
    sending ``payload={…}``, the JSON in it. Told by its first byte, since no JSON value with fields starts with a word."""
    if not body[:1].isalpha():
        return load(body)
    if b"=" in body and body.count(b"&") >= FORM_FIELDS:
        raise UnparsableBody(f"The form has more than {FORM_FIELDS} fields.")
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), strict_parsing=True, max_num_fields=FORM_FIELDS)
    except ValueError:
        return load(body)
    form = dict(pairs)
    return load(form["payload"].encode()) if form.keys() == {"payload"} else form


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _load_lenient(body, error)


def _load_lenient(body: bytes, error: orjson.JSONDecodeError) -> Any:
    if not body.strip():
        raise UnparsableBody("The body is empty: expected JSON.") from None
    if "depth limit" in str(error):
        raise UnparsableBody("The body is nested too deeply.") from None
    try:
        value = _standard(_decoded(body), float)
    except (ValueError, RecursionError):
        value = None
    if value is None or (isinstance(value, str) and body[:1].isdigit()):  # nothing but a number that nobody can read
        raise UnparsableBody(f"The body is not valid JSON: {error}.") from None
    return value


def _standard(text: str, parse_float: Callable[[str], Any]) -> Any:
    return json.loads(text, strict=False, parse_float=parse_float, parse_int=_whole)


def _whole(digits: str) -> int | str:
    """A whole number; one that nobody could calculate with stays a text."""
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _decoded(body: bytes) -> str:
    """The text of a body, in whichever encoding of Unicode it is by its first bytes, without the NUL that ends texts in C."""
    text = body.decode("utf-8-sig" if _is_utf8(body) else json.detect_encoding(body), "replace")
    return text.rstrip("\0 \t\r\n")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body[:4]  # UTF-16 without a mark is UTF-8 as well, by accident


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
    if isinstance(value, str) and is_json_text(value) and isinstance(inner := _inner(value), dict):
        return inner
    if not path:
        raise UnparsableBody(f"Expected a JSON object, got {type_name(value)}.")
    raise InvalidInput(f"{path}: expected an object, got {type_name(value)}.", field=path)


def read_each(value: list[Any], path: str, read: Callable[[Mapping[str, Any], str], list[Signal]]) -> list[Signal]:
    """The signals of an array at *path*; *read* gets each object and where it stands ("alerts[2].").

    One that can't be used does not take its neighbours along: raises :class:`PartlyRefused` with what can be used, or, where
    nothing can, the first one's error.
    """
    if len(value) > SIGNALS:
        what = f"{path}: expected" if path else "Expected"
        raise InvalidInput(f"{what} at most {SIGNALS} in one body, got {len(value)}.", field=path)
    signals: list[Signal] = []
    refused: list[tuple[InvalidInput, bytes]] = []
    for place, item in enumerate(value):
        at = f"{path}[{place}]"
        try:
            signals += read(require_object(item, at), f"{at}.")
        except InvalidInput as error:
            refused.append((error, _piece(item)))
    if not refused:
        return signals
    if not signals:
        raise refused[0][0]
    raise PartlyRefused(signals, refused)


def _inner(text: str) -> object:
    try:
        return _load(text.encode("utf-8", "surrogatepass"))
    except UnparsableBody:
        return text


def _piece(item: object) -> bytes:
    """An item as JSON; nothing for one that is nested too deeply to be written."""
    try:
        return dump(item)
    except UnparsableBody:
        return b""
