"""Whatever arrives: a signal that can be stored, or an error that names the field. Never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.kernel.errors import InvalidInput
from incidents.choices import Severity, SignalAction, SourceKind
from incidents.contracts import Signal
from incidents.ingest.sources import SOURCE_WORDS, SOURCES, events, identity, reading
from tests.sources.payloads import ALL, NOW

LIMITS = {
    "dedup_key": identity.DEDUP_KEY,
    "dedup_strategy": 32,
    "title": reading.TITLE,
    "description": reading.DESCRIPTION,
    "severity_word": reading.WORD,
    "source": reading.NAME,
    "service": reading.NAME,
    "namespace": reading.KUBERNETES_NAME,
    "pod": reading.KUBERNETES_NAME,
    "deployment": reading.KUBERNETES_NAME,
    "resource_kind": reading.KIND,
    "resource_name": reading.KUBERNETES_NAME,
    "signal_type": reading.KIND,
}
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 2**63, 2**70, 1e308, float("nan"), float("inf"), "", " ", "0", "true", "ok", "resolved", "\0",
    "nul\0inside", "half \ud800", "\x1b[31m", "k" * 12_000, "\u202e", "\n\n", "javascript:alert(1)", "9999-99-99T99:99:99Z",
    [], [None], [[]], {}, {"": None}, {"a": {"b": [1]}}, {"\0": "\ud800"}, {"k" * 12_000: "v"}, [{"labels": {"a": "b"}}],
]  # fmt: skip


def texts(value: object) -> Iterator[str]:
    """Every text in *value*, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, content in value.items():
            yield key
            yield from texts(content)
    elif isinstance(value, list | tuple):
        for content in value:
            yield from texts(content)


def assert_storable(signal: Signal) -> None:
    for name in Signal.__slots__:
        value = getattr(signal, name)
        for text in texts(value):
            assert "\0" not in text, name
            text.encode()
            assert len(text) <= LIMITS.get(name, reading.HREF), name
    assert signal.dedup_key.strip()
    assert signal.action in SignalAction
    assert signal.severity in Severity
    assert all(isinstance(value, str) for value in signal.labels.values())
    assert len(signal.labels) <= reading.LABELS
    assert len(signal.warnings) <= reading.WARNINGS + 1
    assert all(link["href"].lower().startswith(("http://", "https://")) for link in signal.links)
    for moment in (signal.started_at, signal.occurred_at):
        assert moment is None or moment.tzinfo is UTC
    assert orjson.loads(orjson.dumps(signal.metric)) == signal.metric  # no nan, nothing over 64 bits
    assert signal.raw
    # Only a trigger must say what is wrong; the Events API acknowledges and resolves by key alone.
    assert signal.title or signal.action != SignalAction.TRIGGER


def assert_tame(kind: SourceKind, body: bytes) -> None:
    """The parser of *kind* takes *body*, or refuses it in words."""
    try:
        signals = SOURCES[kind](body, NOW)
    except InvalidInput as refused:
        refused.message.encode()
        assert refused.message
        assert "\0" not in refused.message
        assert len(refused.message) < 1_000
        assert len(refused.field) <= 200
        return
    for signal in signals:
        assert_storable(signal)


def paths(value: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in *value*, itself first."""
    yield at
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*at, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A copy of *value* with something else at *path*."""
    if not path:
        return by
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], by)
    return changed


@pytest.mark.parametrize("captured", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_captured_bodies_are_storable_also_with_something_hostile_in_any_place(captured: Path) -> None:
    kind = SourceKind(captured.parent.name)
    for signal in SOURCES[kind](captured.read_bytes(), NOW):
        assert_storable(signal)
    value = json.loads(captured.read_bytes())
    for path in paths(value):
        for hostile in HOSTILE:
            assert_tame(kind, json.dumps(replaced(value, path, hostile)).encode())


@pytest.mark.parametrize("captured", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_parser_survives_every_other_senders_body(captured: Path) -> None:
    for kind in SOURCES:
        assert_tame(kind, captured.read_bytes())


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    [h for h in HOSTILE if isinstance(h, str)]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(ANY_TEXT, children, max_size=4),
    max_leaves=12,
)
FIELD_NAMES = [
    "title", "summary", "message", "status", "action", "severity", "level", "priority", "dedup_key", "fingerprint",
    "labels", "tags", "links", "resource", "timestamp", "startsAt", "endsAt", "service", "namespace", "pod", "value",
    "threshold", "alerts", "annotations", "version", "groupKey", "event", "event_type", "data", "id", "urgency",
    "occurred_at", "created_at", "event_action", "payload", "source", "custom_details", "images", "client_url",
    "routing_key", "truncatedAlerts", "values", "firing",
]  # fmt: skip
FIELDS = st.sampled_from(FIELD_NAMES)
ANY_BODY = st.recursive(
    ANY_JSON,
    lambda children: st.dictionaries(FIELDS, children, max_size=8) | st.lists(children, max_size=3),
    max_leaves=20,
)


@pytest.mark.parametrize("kind", SourceKind)
@settings(max_examples=75)
@given(body=ANY_BODY)
def test_any_json(kind: SourceKind, body: Any) -> None:
    assert_tame(kind, json.dumps(body).encode())


@pytest.mark.parametrize("kind", SourceKind)
@settings(max_examples=50)
@given(body=st.binary(max_size=200))
def test_any_bytes(kind: SourceKind, body: bytes) -> None:
    assert_tame(kind, body)


@settings(max_examples=75)
@given(event=st.dictionaries(FIELDS, ANY_JSON, max_size=8))
def test_an_event_without_problems_is_read_and_one_with_problems_is_not(event: dict[str, Any]) -> None:
    event = {"routing_key": "r", **event}
    problems = [problem for problem in events.validate(event) if "'routing_key'" not in problem]
    if problems:
        with pytest.raises(InvalidInput, match=r"is missing or blank|is invalid"):
            events.read(event, b"{}")
    else:
        assert_storable(events.read(event, b"{}"))


@pytest.mark.parametrize("kind", SourceKind)
@pytest.mark.parametrize("depth", [250, 300, 900, 1_020, 1_025, 50_000])
def test_deep_nesting(kind: SourceKind, depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for body in (
        deep,
        b'[{"title":"x","labels":{"a":%b}}]' % deep,
        b'{"title":"x","description":%b}' % deep,
        b'{"alerts":[{"labels":{"a":"b"},"annotations":{"x":%b}}]}' % deep,
        b'{"event":{"event_type":"incident.triggered","data":{"id":"1","body":{"details":%b}}}}' % deep,
        b'{"routing_key":"r","event_action":"trigger","payload":{"summary":"x","source":"y","custom_details":{"d":%b}}}'
        % deep,
    ):
        assert_tame(kind, body)


def test_every_kind_has_a_parser_and_a_word() -> None:
    assert set(SOURCES) == set(SourceKind) == {*SOURCE_WORDS.values(), SourceKind.INTERNAL}
    assert all(word == word.lower() for word in SOURCE_WORDS)
    assert {"webhook", "generic", "alertmanager", "prometheus", "pagerduty"} <= set(SOURCE_WORDS)
