"""The captured bodies in ``tests/payloads/sources/<kind>/``, and the one clock of these tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson

from incidents.choices import SourceKind
from incidents.contracts import Signal
from incidents.ingest.sources import SOURCES

FOLDER = Path(__file__).parent.parent / "payloads" / "sources"
# Between the captured alerts' recovery of 15:13:37 and the end that Prometheus announces for what still fires.
NOW = datetime(2026, 11, 20, 15, 13, 40, tzinfo=UTC)
ALL = sorted(FOLDER.glob("*/*.json"))


def body(kind: str, name: str) -> bytes:
    """A captured body, byte for byte."""
    return (FOLDER / kind / f"{name}.json").read_bytes()


def parse(kind: str, content: bytes | object, now: datetime = NOW) -> list[Signal]:
    """What the parser of *kind* makes of bytes, or of a value that is written as JSON first."""
    return SOURCES[SourceKind(kind)](content if isinstance(content, bytes) else orjson.dumps(content), now)


def captured(kind: str, name: str, now: datetime = NOW) -> list[Signal]:
    """What the parser of *kind* makes of a captured body."""
    return parse(kind, body(kind, name), now)


def utc(text: str) -> datetime:
    """An instant: "2026-03-19 14:30"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
