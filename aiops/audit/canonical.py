"""JSON in its one canonical form (RFC 8785), so that the same event always has the same bytes to put a seal on. Pure."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

LARGEST = 2**53 - 1  # JSON's numbers are doubles; larger integers are not exact


def canonical(value: Any) -> bytes:
    """*value* (dicts with text keys, lists, texts, numbers, booleans, None) as canonical JSON in UTF-8.

    Raises ``ValueError`` for what JSON can't say: NaN, infinities, lone surrogates; ``TypeError`` for any other type.
    """
    return _text(value).encode()


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(int(value)) if abs(value) <= LARGEST else _number(float(value))
        case float():
            return _number(value)
        case list() | tuple():
            return f"[{','.join(map(_text, value))}]"
        case dict():
            names = sorted(value, key=_code_units)
            return f"{{{','.join(f'{_text(name)}:{_text(value[name])}' for name in names)}}}"
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _code_units(name: Any) -> bytes:
    """The order of names: by UTF-16 code units."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no name of a JSON object")
    return name.encode("utf-16-be")


def _number(value: float) -> str:
    """*value* as ECMAScript writes it: the fewest digits that read back as the same double."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point = "".join(map(str, digits)), len(digits) + exponent  # the decimal point stands after *point* digits
    if len(text) <= point <= 21:
        plain = text.ljust(point, "0")
    elif 0 < point <= 21:
        plain = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        plain = f"0.{'0' * -point}{text}"
    else:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        plain = f"{text[0]}{fraction}e{point - 1:+d}"
    return f"-{plain}" if sign else plain
