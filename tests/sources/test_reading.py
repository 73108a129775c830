"""From bytes to clean values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.kernel.errors import InvalidInput, UnparsableBody
from incidents.ingest.sources import body, identity, reading
from incidents.ingest.sources.reading import Fields
from incidents.models import Alert, Incident

MOMENT = datetime(2026, 3, 19, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-19T14:30:00Z", MOMENT),
        ("2026-03-19T14:30:00z", MOMENT),
        ("2026-03-19T15:30:00+01:00", MOMENT),
        ("2026-03-19T14:30:00.000+0000", MOMENT),
        ("2026-03-19T14:30:00.123456789Z", MOMENT + timedelta(microseconds=123456)),
        (
            "2026-03-19T14:30:00.500000+00:00Z",
            MOMENT + timedelta(milliseconds=500),
        ),  # some clients append a Z to isoformat()
        ("2026-03-19 14:30:00", MOMENT),  # no zone: UTC
        ("2026-03-19 14:30:00 UTC", MOMENT),
        ("2026-03-19T14:30", MOMENT),
        (" 2026-03-19T14:30:00Z ", MOMENT),
        (1773930600, MOMENT),
        ("1773930600", MOMENT),
        ("1773930600.5", MOMENT + timedelta(milliseconds=500)),
        (" 1773930600123.0 ", MOMENT + timedelta(milliseconds=123)),
        (1773930600.5, MOMENT + timedelta(milliseconds=500)),
        (1773930600123, MOMENT + timedelta(milliseconds=123)),
        (1773930600123456, MOMENT + timedelta(microseconds=123456)),
    ],
)
def test_instants(written: object, expected: datetime) -> None:
    found = reading.instant(written)
    assert found == expected
    assert found.tzinfo is UTC


def test_nanoseconds_since_1970_are_read_to_the_microsecond_or_so() -> None:
    found = reading.instant(1773930600123456789)
    assert found is not None
    assert abs(found - MOMENT - timedelta(microseconds=123456)) < timedelta(microseconds=2)


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z",  # Go's "no time"
        "1970-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00", "1969-12-31T19:00:00-05:00", "1900-01-01", "0000-00-00 00:00:00",
        "9999-12-31T23:59:59-23:59",
        "yesterday", "", "Z", "Z" * 60, "Z" * 100_000, 0, -1, 42, "42", 10**30, 1e300, True, None, [], {"a": 1}, "NaN",
        "1773930600.", ".5", "1773930600.5.1", "1.773930600e9",
    ],
)  # fmt: skip
def test_what_is_no_instant(written: object) -> None:
    assert reading.instant(written) is None


def test_a_time_that_cannot_be_read_is_shown_but_the_absent_time_of_go_is_not() -> None:
    fields = Fields(
        {"startsAt": "0001-01-01T00:00:00Z", "endsAt": "1970-01-01T00:00:00Z", "timestamp": "half past two"},
        "alerts[0].",
    )
    assert fields.instant("startsAt", "endsAt") is None
    assert fields.warnings == []
    assert fields.instant("timestamp") is None
    assert fields.warnings == ["alerts[0].timestamp: “half past two” is not a time that can be read, ignored"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), ("12.5", 12.5), (1e308, 1e308), (2**70, float(2**70)), ("1e999", None), ("nan", None), (True, None), ("5%", None),
     ([], None), (None, None)],
)  # fmt: skip
def test_numbers(value: object, expected: float | None) -> None:
    assert reading.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("  Ünïcode “quoted” 火 🔥 ", "Ünïcode “quoted” 火 🔥"),
        ("nul\0 and \x1b[31mcolour\x1b[0m", "nul and [31mcolour[0m"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("family 👩\u200d👧 joined", "family 👩\u200d👧 joined"),
        ("two\r\nlines\tand tab", "two\nlines\tand tab"),
    ],
)
def test_text_is_cleaned(value: str, expected: str) -> None:
    assert reading.text(value, 100) == expected


def test_a_line_has_no_breaks_and_what_is_too_long_shows_that_it_was_cut() -> None:
    assert reading.line(" two\r\n lines\t and tab", 100) == "two lines and tab"
    assert reading.line("x" * 11, 10) == "x" * 9 + "…"
    assert reading.text("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b'\xef\xbb\xbf{"title": "from Windows"}', {"title": "from Windows"}),
        (b'{"title": "caf\xe9"}', {"title": "caf\ufffd"}),
        (b'{"title": "half \\ud83d"}', {"title": "half \ud83d"}),
        (b'{"value": Infinity}', {"value": float("inf")}),
        (
            b'{"text": "host DOWN\nping: 10 ms\r\n\tloss \x1b[31m\x00"}',
            {"text": "host DOWN\nping: 10 ms\r\n\tloss \x1b[31m\0"},
        ),
        ('{"title": "Café"}'.encode("utf-16"), {"title": "Café"}),
        ('{"title": "Café"}'.encode("utf-16-le"), {"title": "Café"}),
        ('{"title": "Café"}'.encode("utf-16-be"), {"title": "Café"}),
        ('{"title": "Café"}'.encode("utf-32"), {"title": "Café"}),
        (b'"{\\"title\\": \\"Disk\\"}"', {"title": "Disk"}),  # JSON that was written as a JSON text once more
        (b'"[{\\"title\\": \\"a\\nb\\"}]"', [{"title": "a\nb"}]),
        (b'{"n": ' + b"9" * 5_000 + b"}", {"n": "9" * 5_000}),
        (b'{"n": ' + b"9" * 400 + b"}", {"n": int("9" * 400)}),
    ],
)
def test_bodies_that_a_strict_parser_refuses_are_read_where_their_meaning_is_clear(
    sent: bytes, expected: object
) -> None:
    assert body.load(sent) == expected


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not valid JSON"),
        (b"title=x", "not valid JSON"),
        (b"\x80\x02]q\x00.", "not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 5_000, "not valid JSON"),
    ],
)
def test_bodies_that_cannot_be_read_say_why(sent: bytes, message: str) -> None:
    with pytest.raises(UnparsableBody, match=message):
        body.load(sent)


def test_a_form_is_read_as_an_object() -> None:
    assert body.load_json_or_form(b"title=Disk+full&severity=critical") == {
        "title": "Disk full",
        "severity": "critical",
    }
    assert body.load_json_or_form(b"payload=%7B%22title%22%3A+%22Disk+full%22%7D") == {"title": "Disk full"}
    assert body.load_json_or_form(b"true") is True
    with pytest.raises(UnparsableBody):
        body.load_json_or_form(b"just words")
    with pytest.raises(UnparsableBody, match="more than 200 fields"):
        body.load_json_or_form(b"title=x" + b"&a=b" * 200)


def test_a_piece_of_a_body_survives_what_the_fast_writer_refuses() -> None:
    deep: dict[str, object] = {}
    for _ in range(400):
        deep = {"deeper": deep}
    for value in ({"n": 2**70}, {"t": "half \ud83d"}, deep):
        assert body.load(body.dump(value)) in (value, {"n": float(2**70)})
    for _ in range(5_000):
        deep = {"deeper": deep}
    with pytest.raises(UnparsableBody, match="nested too deeply"):
        body.dump(deep)


def test_labels_become_texts_and_say_what_was_cut() -> None:
    fields = Fields({})
    found = reading.labels(
        {"a": 1, "b": True, "c": None, "d": {"x": [1]}, "e": "v" * 2_000, "bad\0name": "x", "\0": "y"}, fields
    )
    assert found == {"a": "1", "b": "true", "d": '{"x":[1]}', "e": "v" * 999 + "…", "badname": "x"}
    assert fields.warnings == ["labels: the value of “e” is cut to 1000 characters"]
    many = reading.labels({str(n): n for n in range(500)}, fields)
    assert len(many) == 500
    assert list(reading.kept(many, fields, {"7", "499"})) == ["7", "499", *map(str, range(7)), *map(str, range(8, 99))]
    assert fields.warnings[-1] == "labels: only the first 100 of 500 are kept as labels"


@pytest.mark.parametrize(
    "href",
    [
        "https://", "http:///x", "https://?q", "https:/\\evil", "http://\\\\x", "javascript:alert(1)", "JAVASCRIPT:alert(1)",
        "data:text/html,x", "//evil.example.com", "/relative", "https://a b",
     "https://a\nb", "ftp://x", "https://" + "x" * 3_000, 5, None, ["https://x"]],
)  # fmt: skip
def test_only_web_addresses_become_links(href: object) -> None:
    assert reading.links([(href, "click")]) == ()


def test_links_are_shown_once_and_under_a_name() -> None:
    assert reading.links(
        [(" https://a.example.com ", ""), ("https://a.example.com", "again"), ("HTTP://B.example.com", "B")]
    ) == (
        {"href": "https://a.example.com", "text": "https://a.example.com"},
        {"href": "HTTP://B.example.com", "text": "B"},
    )


def test_a_field_of_the_wrong_type_is_passed_over_with_a_warning_once() -> None:
    fields = Fields({"service": ["a"], "app": True, "job": 7}, "alerts[1].labels.")
    assert fields.line("service", "app", "job") == "7"
    fields.line("service")
    assert fields.warnings == [
        "alerts[1].labels.service: expected a text, got a list, ignored",
        "alerts[1].labels.app: expected a text, got a boolean, ignored",
    ]


def test_too_many_items_in_a_body_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 10000") as refused:
        body.read_each([{}] * 10_001, "alerts", lambda item, path: [])
    assert refused.value.field == "alerts"


def test_named_keys_stay_different_when_they_must_be_changed() -> None:
    assert identity.named(" cpu high ") == " cpu high "
    assert identity.named("") == identity.named("  \t ") == identity.named("\0") == ""
    long = [identity.named("k" * 600 + end) for end in "ab"]
    assert long[0] != long[1]
    assert [len(key) for key in long] == [512, 512]
    assert long[0].startswith("k" * 400)
    assert identity.named("a\0b") not in ("ab", identity.named("a\x01b"))
    assert identity.named("\ud800x") != identity.named("\ud801x")


def test_labels_identify_in_any_order_and_empty_ones_do_not_count() -> None:
    one = identity.of_labels({"alertname": "Up", "job": "node"})
    assert one == identity.of_labels({"job": "node", "zone": "", "alertname": "Up"})
    assert one != identity.of_labels({"alertname": "Upjob", "": "node"})
    assert len(one) == 16


KEYS = [
    "plain", " cpu high ", "\u00a0nbsp\u00a0", "zero\u200bwidth", "soft\u00adhyphen", "line\u2028break",
    "\U0001f469\u200d\U0001f4bb", "é", "e\u0301", "\u202eevil", "line1\nline2", "tab\there", "cr\r", "del\x7f", "\x85x",
    "k" * 512, "k" * 513, "a\nb" * 400, "\ud800x", "a\0b", "x\u3000",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_key_that_we_returned_is_found_when_it_is_sent_back(key: str) -> None:
    returned = identity.named(key)
    assert identity.named(returned) == returned
    assert 0 < len(returned) <= identity.DEDUP_KEY
    returned.encode()
    assert "\n" not in returned


@pytest.mark.parametrize(
    "key", ["\u00a0nbsp", "zero\u200bwidth", "e\u0301", " cpu high ", "\U0001f469\u200d\U0001f4bb", "a\u2028b"]
)
def test_a_key_is_used_as_it_was_sent(key: str) -> None:
    assert identity.named(key) == key


@given(st.text(st.characters(exclude_categories=()), max_size=600))
def test_every_key_comes_back_as_it_was_returned(key: str) -> None:
    returned = identity.named(key)
    assert identity.named(returned) == returned


@given(st.sets(st.text(st.characters(exclude_categories=()), min_size=1, max_size=20), min_size=2, max_size=2))
def test_different_keys_stay_different(pair: set[str]) -> None:
    one, other = sorted(pair)
    if identity.named(one) or identity.named(other):
        assert identity.named(one) != identity.named(other)


@pytest.mark.parametrize(
    ("sent", "content_type", "expected"),
    [
        ("Café".encode("iso-8859-1"), "application/json; charset=iso-8859-1", "Café"),
        ("Café".encode("cp1252"), 'application/json; charset="windows-1252"', "Café"),
        ("Диск".encode("koi8-r"), "text/plain;charset=KOI8-R", "Диск"),
        (
            "Café".encode(),
            "application/json; charset=iso-8859-1",
            "Café",
        ),  # it is UTF-8, whatever its content type says
        ("Café".encode(), "application/json; charset=nonsense", "Café"),
        ("Café".encode(), "application/json; charset=unicode_escape", "Café"),
    ],
)
def test_a_charset_that_the_content_type_names_is_believed_unless_the_body_is_utf_8(
    sent: bytes, content_type: str, expected: str
) -> None:
    assert body.as_utf8(sent, content_type).decode() == expected


@pytest.mark.parametrize("charset", ["rot13", "punycode", "idna", "utf-7", "zlib", "x" * 60])
def test_no_other_codec_is_reached_through_a_content_type(charset: str) -> None:
    assert body.as_utf8(b"caf\xe9", f"application/json; charset={charset}") == b"caf\xe9"


def test_limits_are_those_of_the_columns() -> None:
    def length(model: type, name: str) -> int:
        return model._meta.get_field(name).max_length

    for model in (Incident, Alert):
        assert (length(model, "title"), length(model, "dedup_key")) == (reading.TITLE, identity.DEDUP_KEY)
    for name in ("source_name", "service_name"):
        assert length(Incident, name) == reading.NAME
    for name in ("namespace", "pod", "deployment", "resource_name"):
        assert length(Incident, name) == reading.KUBERNETES_NAME
    for name in ("resource_kind", "signal_type"):
        assert length(Incident, name) == reading.KIND
    strategies = (identity.NAMED, identity.FINGERPRINT, identity.INCIDENT_ID, identity.CONTENT, identity.GENERATED)
    assert max(map(len, strategies)) <= length(Incident, "dedup_strategy")


def test_orjson_is_as_strict_as_the_lenient_path_assumes() -> None:
    for sent in (b"NaN", b'"\\ud800"', b"\xef\xbb\xbf{}"):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(sent)
