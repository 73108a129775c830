"""What a sender's body may cost: in step with its length, whatever it holds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from aiops.kernel.errors import InvalidInput
from aiops.kernel.text import is_blank, seen
from incidents.choices import SourceKind
from incidents.errors import PartlyRefused
from incidents.ingest.sources import SOURCES, actions, identity, reading
from incidents.ingest.sources.body import SIGNALS, as_utf8
from tests.limits.budget import cpu_budget
from tests.sources.payloads import NOW

SIZE = 2_000_000  # bytes; more than a body may have
KINDS = [kind for kind in SourceKind if kind != SourceKind.INTERNAL]


def read(kind: SourceKind, body: bytes) -> int:
    """How many signals come of it, refused or not."""
    try:
        return len(SOURCES[kind](body, NOW))
    except PartlyRefused as partly:
        return len(partly.signals)
    except InvalidInput:
        return 0


def filled(piece: bytes, template: bytes = b'{"title": "x", "dedup_key": "%s", "text": "%s"}') -> bytes:
    half = piece * (SIZE // 2 // len(piece))
    return template % (half, half)


PIECES = [
    b"a", b"\\u0000", b"\\ud800", b"\n", b"\x01", b"\xff", b"\\\\", b'\\"', b" ", b"{", b"[",
    "\u202e".encode(), "\u200b".encode(),
    "\u3164".encode(), "e\u0301".encode(), "\U0001f3f4\U000e0067".encode(), b"http://", b"%41", b"9",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_texts_of_one_repeated_piece(kind: SourceKind, piece: bytes) -> None:
    alert = b'{"version":"4","alerts":[{"labels":{"alertname":"%s"},"annotations":{"summary":"%s","runbook_url":"http://x"}}]}'
    event = b'{"event_action":"trigger","dedup_key":"%s","payload":{"summary":"x","source":"y","custom_details":"%s"}}'
    pagerduty = b'{"event":{"id":"%s","event_type":"incident.triggered","data":{"id":"1","title":"%s"}}}'
    template = {"webhook": None, "events": event, "pagerduty": pagerduty}.get(str(kind), alert)
    with cpu_budget(6):
        read(kind, filled(piece, template) if template else filled(piece))


WORST: dict[str, bytes] = {
    "a digit": b'{"title": "x", "dedup_key": %s}' % (b"9" * SIZE),
    "digits": b'{"title": "x", "dedup_key": 1.5, "n": [' + (b"9" * 3_999 + b",") * (SIZE // 4_000) + b"0]}",
    "labels": orjson.dumps({"title": "x", "labels": {f"l{n}": "v" for n in range(100_000)}}),
    "nulls": orjson.dumps({"title": "x", "labels": {f"l{n}": None for n in range(100_000)}}),
    "tags": orjson.dumps({"title": "x", "tags": ["a:b"] * 200_000}),
    "links": orjson.dumps({"title": "x", "links": [f"https://a/{n}" for n in range(100_000)]}),
    "escapes": b'"' + b'\\\\\\"' * (SIZE // 4) + b'"',
    "text in text": orjson.dumps(orjson.dumps({"title": "x", "d": '"' * (SIZE // 4)}).decode()),
    "deep": b'{"title":"x","d":' + b"[" * (SIZE // 2),
    "deep objects": b'{"a":' * (SIZE // 5),
    "form": b"title=x&" + b"a=b&" * (SIZE // 4),
    "form of one": b"title=" + b"%41" * (SIZE // 3),
    "not json": b"a" * SIZE,
    "blanks": b" " * SIZE,
    "items that are none": b"[" + b"1," * (SIGNALS - 1) + b"1]",
    "items": orjson.dumps([{"title": "x"}] * SIGNALS),
    "too many items": orjson.dumps([{"title": "x"}] * (SIGNALS + 1)),
    "one key a million times": b'{"title":"x",' + b'"a":1,' * (SIZE // 6) + b'"b":1}',
}


@pytest.mark.parametrize("name", WORST)
@pytest.mark.parametrize("kind", KINDS)
def test_the_worst_bodies_known(kind: SourceKind, name: str) -> None:
    with cpu_budget(6):
        read(kind, WORST[name])


def test_many_alerts_with_many_labels_each() -> None:
    alerts: list[dict[str, Any]] = [
        {"labels": {f"l{label}": "v" for label in range(120)} | {"severity": "critical", "n": str(n)}}
        for n in range(1_000)
    ]
    with cpu_budget(6):
        assert read(SourceKind.PROMETHEUS, orjson.dumps(alerts)) == 1_000


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "utf-7", "unicode_escape", "gb18030", "shift_jis", "utf-32", "x" * 10_000]
)
def test_no_encoding_that_a_content_type_names_is_slow(charset: str) -> None:
    body = b'{"title": "' + b"\xe9-" * (SIZE // 2) + b'"}'
    with cpu_budget(4):
        as_utf8(body, f"application/json; charset={charset}" + ";charset=" * 1_000)


@pytest.mark.parametrize(
    "piece", ["\u200b", "\u3164", "\u202e", "a\u200b", "\U0001f3f4", "\U0001f3f4\U000e0067", " "], ids=ascii
)
def test_texts_are_made_fit_to_be_shown_in_linear_time(piece: str) -> None:
    long = piece * (SIZE // 4)
    with cpu_budget(4):
        seen(long)
        is_blank(long)
        reading.text(long, 500)
        identity.named(long)
        actions.known(long)
        reading.instant(long)
        reading.link(long, long)
