"""What senders in the field were seen to send: read as they mean it, each as a kind and not as the one example."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from aiops.kernel.errors import InvalidInput
from incidents.choices import Severity, SignalAction
from incidents.contracts import Signal
from incidents.errors import PartlyRefused
from incidents.ingest.sources import SOURCES, reading
from tests.sources.payloads import FOLDER, NOW, captured, parse

KINDS = ("webhook", "alertmanager", "prometheus", "events", "pagerduty")


def stranger(kind: str, name: str) -> list[Signal]:
    """What the parser of *kind* makes of a body that is no plain JSON."""
    return parse(kind, (FOLDER / kind / f"{name}.body").read_bytes())


def alert(**fields: Any) -> dict[str, Any]:
    return {"status": "firing", "labels": {"alertname": "A"}, "annotations": {"summary": "s"}, **fields}


def one_alert(group: dict[str, Any] | None = None, **fields: Any) -> Signal:
    (signal,) = parse("alertmanager", {"version": "4", "groupKey": "g", "alerts": [alert(**fields)], **(group or {})})
    return signal


# --- what decides is read from everything ----------------------------------------------------------------------------------
def test_labels_beyond_the_cap_still_decide_and_are_the_ones_that_are_kept() -> None:
    (signal,) = captured("alertmanager", "many_labels")
    assert (signal.severity, signal.service, signal.namespace, signal.pod) == (
        Severity.CRITICAL,
        "payments",
        "prod",
        "pay-1",
    )
    assert (signal.title, signal.resource_kind, signal.resource_name) == ("Many", "Pod", "pay-1")
    assert {"href": "https://runbooks.example.com/many", "text": "Runbook"} in signal.links
    assert len(signal.labels) == reading.LABELS
    assert {"alertname", "severity", "service", "namespace", "pod", "runbook_url"} <= signal.labels.keys()
    assert signal.warnings == ("alerts[0].labels: only the first 100 of 106 are kept as labels",)


def test_labels_of_a_generic_body_beyond_the_cap_still_decide() -> None:
    (signal,) = captured("webhook", "many_labels")
    assert (signal.severity, signal.service, signal.namespace) == (Severity.CRITICAL, "payments", "prod")
    assert {"severity", "service", "namespace"} <= signal.labels.keys()


def test_details_of_an_event_beyond_the_cap_still_decide() -> None:
    (signal,) = captured("events", "many_details")
    assert (signal.service, signal.namespace) == ("payments", "prod")
    assert signal.links[0] == {"href": "https://runbooks.example.com/many", "text": "Runbook"}
    assert {"service", "namespace"} <= signal.labels.keys()


@pytest.mark.parametrize("place", [0, 99, 100, 5_000])
def test_it_does_not_matter_where_a_deciding_label_stands(place: int) -> None:
    labels = [(f"l{n}", "v") for n in range(5_000)]
    labels.insert(place, ("severity", "critical"))
    signal = one_alert(labels=dict(labels))
    assert (signal.severity, signal.labels["severity"]) == (Severity.CRITICAL, "critical")


def test_a_generic_body_may_say_its_severity_and_name_in_labels() -> None:
    (signal,) = parse("webhook", {"labels": {"alertname": "DiskFull", "severity": "critical"}})
    assert (signal.title, signal.severity) == ("DiskFull", Severity.CRITICAL)
    (signal,) = parse("webhook", {"title": "x", "severity": "low", "labels": {"severity": "critical"}})
    assert signal.severity == Severity.LOW


# --- JSON whose meaning is not in doubt ------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_line_breaks_inside_a_text_are_read(kind: str) -> None:
    (signal,) = stranger(kind, "raw_line_breaks")
    assert len(signal.description.splitlines()) >= 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_the_zero_that_ends_a_text_in_c_costs_no_alert(encoding: str) -> None:
    (signal,) = parse("webhook", '{"title": "Sensor down"}\r\n\0'.encode(encoding))
    assert signal.title == "Sensor down"


@pytest.mark.parametrize("control", [chr(n) for n in range(1, 32)] + ["\x7f"], ids=ascii)
def test_no_control_character_inside_a_text_costs_an_alert(control: str) -> None:
    for kind, sent in {
        "webhook": '{"title": "a%sb"}',
        "alertmanager": '{"version": "4", "alerts": [{"labels": {"alertname": "a"}, "annotations": {"summary": "a%sb"}}]}',
        "prometheus": '[{"labels": {"alertname": "a"}, "annotations": {"summary": "a%sb"}}]',
        "events": '{"event_action": "trigger", "payload": {"summary": "a%sb", "source": "x"}}',
        "pagerduty": '{"event": {"event_type": "incident.triggered", "data": {"id": "P1", "title": "a%sb"}}}',
    }.items():
        (signal,) = parse(kind, (sent % control).encode())
        assert signal.title in ("ab", "a b"), kind


def test_json_written_as_a_json_text_once_more_is_read() -> None:
    (signal,) = stranger("webhook", "written_twice")
    assert (signal.title, signal.dedup_key, signal.description) == ("host DOWN", "twice", "line 1\nline 2")
    for kind in KINDS:
        body = next((FOLDER / kind).glob("*.json")).read_bytes()
        assert len(parse(kind, orjson.dumps(body.decode()))) == len(parse(kind, body)), kind
    with pytest.raises(InvalidInput, match="got a text"):
        parse("webhook", orjson.dumps("just {words}"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_encoding_of_unicode_is_read(kind: str, encoding: str) -> None:
    body = next((FOLDER / kind).glob("*.json")).read_bytes()
    (plain, *_), (encoded, *_) = parse(kind, body), parse(kind, body.decode().encode(encoding))
    assert (encoded.title, encoded.severity) == (plain.title, plain.severity)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("1.5", "1.5"), ("0.10", "0.10"), ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("7", "7"), ("18446744073709551615", "18446744073709551615"), ("-3", "-3"), ("1e3", "1e3"),
    ],
)  # fmt: skip
def test_a_number_is_a_key_digit_by_digit(written: str, key: str) -> None:
    (signal,) = parse("webhook", b'{"title": "x", "value": 0.5, "dedup_key": %s}' % written.encode())
    assert (signal.dedup_key, signal.dedup_strategy, signal.metric["actual_value"]) == (key, "dedup_key", 0.5)
    (signal,) = parse("webhook", b'[{"title": "x", "alert_id": %s}]' % written.encode())
    assert signal.dedup_key == key


def test_numbers_that_nobody_can_calculate_with_cost_no_alert() -> None:
    digits = b"9" * 20_000
    (signal,) = parse("webhook", b'{"title": "x", "value": %s, "dedup_key": %s}' % (digits, digits))
    assert (signal.title, signal.metric, len(signal.dedup_key)) == ("x", {}, 512)


# --- words -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "word",
    [
        "resolved",
        "RESOLVED",
        "Resolved",
        " resolved ",
        "ok",
        "OK",
        "normal",
        "inactive",
        "closed",
        "Recovered",
        "\u00a0ok\t",
    ],
)
def test_an_alert_is_over_in_any_word_for_it(word: str) -> None:
    assert one_alert(status=word).action == SignalAction.RESOLVE
    assert one_alert({"status": word}, status=None).action == SignalAction.RESOLVE
    assert one_alert(status=word).warnings == ()


def test_the_captured_group_in_capitals_resolves() -> None:
    (signal,) = captured("alertmanager", "status_in_capitals")
    assert signal.action == SignalAction.RESOLVE


@pytest.mark.parametrize("group", [{}, {"status": "sleeping"}])
def test_an_unknown_word_is_a_trigger_that_says_so(group: dict[str, Any]) -> None:
    signal = one_alert(group, status="sleeping" if not group else None)
    assert signal.action == SignalAction.TRIGGER
    assert "status “sleeping” is not known, read as a trigger" in signal.warnings


def test_alertmanagers_own_api_writes_the_status_as_an_object() -> None:
    assert one_alert(status={"state": "active", "silencedBy": []}).warnings == ()


@pytest.mark.parametrize("word", ["Resolve", " RESOLVE ", "resolve\t"])
def test_an_events_action_is_read_in_any_case(word: str) -> None:
    (signal,) = parse("events", {"event_action": word, "dedup_key": "k"})
    assert signal.action == SignalAction.RESOLVE


# --- times -----------------------------------------------------------------------------------------------------------------
ZEROS = [
    "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "1970-01-01 00:00:00", "1970-01-01T01:00:00+01:00",
    "1969-12-31T19:00:00-05:00", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "0000-00-00 00:00:00", 0, "0", None, "",
]  # fmt: skip


@pytest.mark.parametrize("zero", ZEROS)
def test_no_spelling_of_no_time_ends_an_alert(zero: object) -> None:
    assert one_alert(endsAt=zero).action == SignalAction.TRIGGER
    assert one_alert(status=None, endsAt=zero).action == SignalAction.TRIGGER
    (signal,) = parse(
        "prometheus", [{"labels": {"alertname": "A"}, "startsAt": "2026-11-20T15:00:00Z", "endsAt": zero}]
    )
    assert (signal.action, signal.warnings) == (SignalAction.TRIGGER, ())


def test_the_captured_alert_that_ends_in_1970_fires() -> None:
    (signal,) = captured("alertmanager", "firing_with_unix_zero_end")
    assert (signal.action, signal.severity, signal.warnings) == ("trigger", Severity.CRITICAL, ())


@pytest.mark.parametrize("ago", [timedelta(seconds=1), timedelta(minutes=5), timedelta(hours=3)])
def test_an_alert_that_says_it_fires_does(ago: timedelta) -> None:
    assert one_alert(endsAt=(NOW - ago).isoformat()).action == SignalAction.TRIGGER


def test_an_end_beats_a_start() -> None:
    (signal,) = parse(
        "webhook",
        {"title": "t", "status": "ok", "timestamp": "2026-11-20T05:00:00Z", "ended_at": "2026-11-20T05:10:00Z"},
    )
    assert signal.occurred_at is not None
    assert signal.occurred_at.minute == 10


# --- texts -----------------------------------------------------------------------------------------------------------------
def test_nothing_that_turns_words_round_is_shown() -> None:
    (signal,) = captured("webhook", "turned_round")
    assert (signal.title, signal.service) == ("deploy of gnp.exe failed", "payments")
    (signal,) = parse("webhook", {"title": "x", "labels": {"te\u202eam": "pay\u2067ments"}, "namespace": "a\u202eb"})
    assert (signal.labels, signal.namespace) == ({"team": "payments"}, "ab")


def test_a_title_that_nobody_can_see_is_none() -> None:
    (signal,) = captured("webhook", "unseen_title")
    assert signal.title == "Disk full"
    for kind, sent in {
        "webhook": {"title": "\u200b\u3164"},
        "events": {"event_action": "trigger", "payload": {"summary": "\u2800\ufeff", "source": "x"}},
    }.items():
        with pytest.raises(InvalidInput, match=r"blank"):
            parse(kind, sent)
    assert one_alert(annotations={"summary": "\u2060"}).title == "A"
    (signal,) = parse(
        "pagerduty", {"event": {"event_type": "incident.triggered", "data": {"id": "P1", "title": "\u3164"}}}
    )
    assert signal.title == "PagerDuty incident P1"


# --- links -----------------------------------------------------------------------------------------------------------------
BAD_LINKS = ["javascript:alert(1)", "ask Bob", "data:text/html,x", "//evil", "ftp://x", "https://"]


@pytest.mark.parametrize("bad", BAD_LINKS)
def test_links_are_web_addresses_wherever_they_come_from(bad: str) -> None:
    named = {"runbook_url": bad, "dashboard_url": bad, "runbook": bad}
    everywhere = {**named, "url": bad, "link": bad, "links": [bad, {"href": bad}], "labels": named, "title": "t"}
    sent: dict[str, Any] = {
        "webhook": everywhere,
        "alertmanager": {
            "version": "4",
            "alerts": [alert(labels={"alertname": "A", **named}, annotations=named, generatorURL=bad, panelURL=bad)],
        },
        "events": {
            "event_action": "trigger",
            "payload": {"summary": "s", "source": "x", "custom_details": named},
            "links": [{"href": bad}],
            "images": [{"src": bad}],
            "client_url": bad,
        },
        "pagerduty": {"event": {"event_type": "incident.triggered", "data": {"id": "P1", "html_url": bad}}},
    }
    for kind, body in sent.items():
        (signal,) = parse(kind, body)
        assert signal.links == (), kind


def test_a_runbook_among_the_labels_is_a_link_when_it_is_one() -> None:
    (signal,) = captured("alertmanager", "runbook_label_script")
    assert signal.links == ()
    assert one_alert(labels={"alertname": "A", "runbook_url": "https://runbooks.example.com/a"}).links == (
        {"href": "https://runbooks.example.com/a", "text": "Runbook"},
    )


# --- batches ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["prometheus", "alertmanager"])
def test_an_alert_without_labels_does_not_take_its_neighbours_along(kind: str) -> None:
    with pytest.raises(PartlyRefused) as refused:
        stranger(kind, "one_without_labels")
    assert [signal.labels["alertname"] for signal in refused.value.signals] == ["Good1", "Good2"]
    ((error, piece),) = refused.value.refused
    assert error.message.endswith("[1].labels: expected at least one label.")
    assert orjson.loads(piece)["annotations"] == {"summary": "bad"}


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("webhook", [{"title": "a"}, 5, {"title": ""}, {"title": "b"}]),
        ("webhook", [{"title": "a"}, {"title": "x", "dedup_key": []}, {"title": "b"}]),
        ("pagerduty", [{"event": {"event_type": "incident.triggered", "data": {"id": i}}} for i in ("P1", None, "P2")]),
        ("alertmanager", {"version": "4", "alerts": [alert(), None, alert(labels="x"), alert()]}),
    ],
)
def test_the_good_ones_of_a_batch_are_read(kind: str, sent: Any) -> None:
    with pytest.raises(PartlyRefused) as refused:
        parse(kind, sent)
    assert len(refused.value.signals) == 2
    assert all(error.field for error, _ in refused.value.refused)


def test_an_item_that_is_nested_too_deeply_is_refused_alone() -> None:
    deep = b'{"labels": {"alertname": "x"}, "d": ' + b"[" * 900 + b"]" * 900 + b"}"
    try:
        assert len(SOURCES["prometheus"](b'[{"labels": {"alertname": "a"}}, %s]' % deep, NOW)) == 2  # type: ignore[index]
    except PartlyRefused as refused:
        assert len(refused.signals) == 1


# --- counts, keys, shapes --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [-3, 0, "-1", 1.5, 1e300, "many", True, None, [], {}, 1e40, "nan"])
def test_only_a_count_of_alerts_was_left_out(count: object) -> None:
    assert one_alert({"truncatedAlerts": count}).warnings == ()


@pytest.mark.parametrize("count", [3, "3", 3.0])
def test_a_count_of_alerts_that_were_left_out_is_shown(count: object) -> None:
    assert one_alert({"truncatedAlerts": count}).warnings[0].startswith("3 more alerts")


def test_the_captured_negative_count_says_nothing() -> None:
    assert captured("alertmanager", "truncated_negative")[0].warnings == ()


@pytest.mark.parametrize("name", ["dedup", "alarm_id", "alert_cycle_key", "problem_id", "incident_id"])
def test_other_senders_names_for_the_key_are_known(name: str) -> None:
    (fired,), (over,) = (
        parse("webhook", {"title": t, name: "k1", "status": s}) for t, s in [("95 %", "firing"), ("5 %", "ok")]
    )
    assert fired.dedup_key == over.dedup_key == "k1"


def test_a_flag_is_no_key() -> None:
    (signal,) = parse("webhook", {"title": "t", "dedup": True})
    assert signal.dedup_strategy == "content"


def test_a_list_of_alerts_alone_is_alertmanagers() -> None:
    (signal,) = captured("webhook", "minimal_alertmanager")
    assert (signal.title, signal.source, signal.labels) == ("s", "alertmanager", {"alertname": "Mini"})


def test_an_event_has_the_name_that_all_its_deliveries_have() -> None:
    body = {"event": {"id": "01ABC", "event_type": "incident.triggered", "data": {"id": "P1"}}}
    (signal,) = parse("pagerduty", body)
    assert signal.event_id == "01ABC"
