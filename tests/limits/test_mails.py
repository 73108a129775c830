"""Mails, texts and other answers that are made to be slow: each costs next to nothing, and what is too long is refused unread."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from django.test import Client

from aiops.access.models import Workspace
from aiops.kernel.errors import UnparsableBody
from notifications.choices import ChannelKind
from notifications.delivery import tokens
from notifications.replies import commands, mail, markup, mime, quoting
from notifications.replies.commands import MOST_COMMANDS, MOST_NUMBERS
from notifications.replies.hooks import entry
from tests.limits.budget import cpu_budget
from tests.responding.making import make_provider

CHEAP = 0.5  # seconds of processor time for the worst known mail; what they cost before is in tens of seconds
MEGABYTE = 1_000_000


def with_to(to: str, sender: str = "ana@example.com", more: str = "") -> bytes:
    return f"From: {sender}\r\nTo: {to}\r\n{more}Subject: x\r\n\r\nack\r\n".encode()


def nest(depth: int) -> bytes:
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth))
    return f"From: a@b.example\r\n{opened}\r\nack".encode()


ONE_BOUNDARY = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
PAGE = b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        with_to('"' * 20_000),
        with_to('"' * 40_000),
        with_to("=?utf-8?q?=22?= " * 10_000),
        with_to("a@b.example, " * 40_000),
        with_to("(" * 50_000),
        with_to("<" * 50_000),
        with_to("reply+" * 40_000),
        with_to("x", sender='"' * 20_000 + "@b.example"),
        with_to("x", sender="=?" * 20_000 + "@b.example"),
        with_to("x", more=f"Subject: {'=?utf-8?q?' * 10_000}\r\n"),
        with_to("x", more=f"Content-Type: text/plain; {'a=b;' * 20_000}\r\n"),
        with_to("x", more=f"Content-Type: text/plain; a*0={'x' * 20_000}\r\n"),
        with_to("x", more=f"Content-Type: multipart/mixed; boundary={'b' * 50_000}\r\n"),
        with_to("x", more="X: y\r\n" * 200_000),
        with_to("x", more="Auto-Submitted: no\r\n" * 100_000),
        with_to("x", more="Precedence: x\r\n" + " y\r\n" * 300_000),
        with_to("x", more=f"Authentication-Results: {'dmarc=' * 20_000}\r\n"),
        with_to("x", more="Content-Type: text/plain; charset=punycode\r\n") + b"a" * MEGABYTE,
        with_to("x", more="Content-Type: text/plain; charset=idna\r\n") + b"a" * MEGABYTE,
        with_to("x", more="Content-Transfer-Encoding: base64\r\n") + b"=" * MEGABYTE,
        with_to("x", more="Content-Transfer-Encoding: x-uuencode\r\n") + b"begin 1 x\r\n" * 100_000,
        with_to("x") + b"On 2026 @" * 100_000,
        with_to("x") + b"wrote: 2026 " * 100_000,
        with_to("x") + b">" * MEGABYTE,
        with_to("x") + b"\r\n" * MEGABYTE,
        with_to("x") + b"From: \r\n" * 100_000,
        with_to("x") + b" " * MEGABYTE + b"x",
        b"\n" * MEGABYTE,
        b"From: a@b.example" + b"\r" * MEGABYTE,
        nest(20),
        nest(10_000),
        ONE_BOUNDARY + b"--b\r\n" * 200_000,
        ONE_BOUNDARY + b"--b \r\n\r\n" * 100_000,
        ONE_BOUNDARY + b"--b" * 300_000,
        PAGE + b"<" * MEGABYTE,
        PAGE + b"<!--" * 200_000,
        PAGE + b"<style>" * 100_000,
        PAGE + b"<style></style>" * 60_000,
        PAGE + b"<blockquote>" * 80_000,
        PAGE + b"<div " + b"class=" * 100_000,
        PAGE + b"<div id=" + b"a " * 300_000 + b">",
        PAGE + b"&" * MEGABYTE,
        PAGE + b"&#" + b"9" * MEGABYTE,
        PAGE + b"&lt;" * 200_000,
    ],
    ids=range(44),
)  # fmt: skip
def test_the_worst_known_mails_cost_next_to_nothing(raw: bytes) -> None:
    with cpu_budget(CHEAP), suppress(UnparsableBody):
        assert len(mail.read(raw).text) <= quoting.LONGEST


def test_the_token_is_found_among_many_recipients_and_not_beyond_the_bound() -> None:
    to = f"reply+{tokens.make(7)}@in.example.com"
    assert mail.read(with_to("a@b.example, " * 1000 + to)).token == tokens.make(7)
    assert mail.read(with_to("a@b.example, " * 2000 + to)).token == ""


def test_of_a_long_mail_the_beginning_is_read() -> None:
    attachment = b"\r\n--b\r\nContent-Type: image/png\r\n\r\n" + b"x" * 2 * MEGABYTE
    assert mail.read(ONE_BOUNDARY + b"--b\r\n\r\nack" + attachment).text == "ack"


def test_parts_and_their_depth_are_bounded() -> None:
    parts = mime.parts(mime.Headers({"content-type": ["multipart/mixed; boundary=b"]}), b"--b\r\n\r\nx\r\n" * 1000)
    assert len(parts) <= mime.PARTS
    head, body = mime.split(nest(mime.DEPTH + 5))
    assert max(part.type for part in mime.parts(mime.headers(head, ()), body)) == "multipart/mixed"


@pytest.mark.parametrize(
    "text",
    [
        "ack " + "1," * 100_000,
        "ack " + "1 " * 100_000,
        "ack 1-9999",
        "ack 1, " * 50_000,
        "ack" + " " * 100_000 + "x",
        "ack 1" + "\n" * 100_000 + "x",
        "got it" + "," * 100_000,
        '"' * 100_000,
        "9" * 100_000,
        "INC-" * 50_000,
        "snooze " + "1h" * 50_000,
        "note " + "1m " * 50_000,
        "👍\U0001f3fb" * 20_000,
        "\u200b" * 100_000 + "ack",
        "- " * 50_000 + "ack",
        "ack " + "1 to " * 50_000,
        "ack " + "1 - " * 50_000,
        "ack " + "incident " * 50_000,
        "ack 1 resolve " * 20_000,
        "got it, " + "update " * 30_000,
        "got it, " + "a will " * 30_000,
        "ok " * 50_000,
        "thanks " + "a " * 50_000,
        "👍 " * 50_000,
    ],
)
def test_the_worst_known_texts_cost_next_to_nothing(text: str) -> None:
    with cpu_budget(CHEAP):
        said = commands.read(text)
        for each in said:
            commands.duration_and_rest(each.text)
        quoting.beginning(text[: quoting.LONGEST])
    assert len(said) <= MOST_COMMANDS and all(len(each.codes) <= MOST_NUMBERS for each in said)


@pytest.mark.parametrize(
    "page",
    [
        "<" * 300_000,
        "<a" * 150_000,
        "<!-- " * 60_000,
        "</head" * 50_000,
        "<head>" * 50_000,
        "<div hidden>" * 25_000,
        "<div hidden></div>" * 15_000,
        "<s>" * 100_000,
        "<s></s>" * 40_000,
        "<pre>" * 60_000,
        "<div " + " hidden" * 40_000,
    ],
)
def test_a_page_is_read_in_one_pass(page: str) -> None:
    with cpu_budget(CHEAP):
        markup.text_of(page)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind", [ChannelKind.SLACK, ChannelKind.SMS, ChannelKind.VOICE, ChannelKind.TELEGRAM, ChannelKind.PAGERDUTY]
)
def test_a_long_post_is_refused_before_it_is_parsed(client: Client, workspace: Workspace, kind: ChannelKind) -> None:
    path = f"/hooks/{kind}/{make_provider(workspace, kind, auth_token='x', signing_secret='x').hook_key}"
    client.post(path, b"", "application/json")
    with cpu_budget(CHEAP):
        response = client.post(path, b"[" * (entry.LONGEST + 1), "application/json")
    assert response.status_code == 413 and response.json() == {"detail": f"Expected at most {entry.LONGEST} bytes"}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [ChannelKind.TELEGRAM, ChannelKind.PAGERDUTY, ChannelKind.EMAIL])
@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 40_000, b"9" * 200_000, b'"' + b"\\ud83d" * 30_000 + b'"'])
def test_json_that_is_made_to_be_slow(client: Client, workspace: Workspace, kind: ChannelKind, body: bytes) -> None:
    path = f"/hooks/{kind}/{make_provider(workspace, kind).hook_key}"
    client.post(path, b"", "application/json")  # the first request loads what all of them need
    with cpu_budget(CHEAP):
        assert client.post(path, body, "application/json").status_code == 400


@pytest.mark.django_db
def test_a_gateways_lists_of_headers_are_bounded(client: Client, workspace: Workspace) -> None:
    path = f"/hooks/email/{make_provider(workspace, ChannelKind.EMAIL).hook_key}"
    client.post(path, b"", "application/json")
    body = orjson.dumps(
        {"From": "a@b.example", "TextBody": "ack", "Headers": [{"Name": "To", "Value": '"' * 500}] * 2000}
    )
    with cpu_budget(CHEAP):
        assert client.post(path, body, "application/json").json()["ok"] is False
