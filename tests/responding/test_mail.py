"""Answers by mail: reading what strangers' programs send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.kernel.errors import UnparsableBody
from notifications.responding import mail, tokens
from notifications.responding.mail import Mail


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ack\n\n> High CPU\n> more", "ack"),
        ("ack\r\n\r\nOn Thu, 19 Mar 2026 at 14:30, NOC <noc@example.com> wrote:\r\n> x", "ack"),
        ("ack\n\nOn Thu, 19 Mar 2026 at 14:30, NOC Operations Centre\n<noc@example.com> wrote:\n> x", "ack"),
        ("ack\n\nAm 19.03.2026 um 14:30 schrieb NOC <noc@example.com>:\n> x", "ack"),
        ("ack\n\n-----Original Message-----\nFrom: noc", "ack"),
        ("ack\n\n________________________________\nFrom: NOC", "ack"),
        ("ack\n\nFrom: NOC <noc@example.com>\nSent: today", "ack"),
        ("ack\n-- \nAna, SRE", "ack"),
        ("ack\n\nSent from my iPhone", "ack"),
        (
            "On my way to the data centre. First finding:\ndisk is full",
            "On my way to the data centre. First finding:\ndisk is full",
        ),
        ("", ""),
        ("> only quoted", ""),
    ],
)
def test_what_was_quoted_is_cut(text: str, kept: str) -> None:
    assert mail.answer(text) == kept


def raw(
    *,
    body: str = "ack\n",
    headers: str = "",
    to: str = "reply+{token}@in.example.com",
    sender: str = "Ana <ana@example.com>",
) -> bytes:
    token = tokens.make(7)
    return f"From: {sender}\nTo: NOC <{to.format(token=token)}>\n{headers}Subject: Re: x\n\n{body}".replace(
        "\n", "\r\n"
    ).encode()


def test_a_mail() -> None:
    assert mail.read(raw()) == Mail("ana@example.com", tokens.make(7), "ack", False)


def test_only_html_and_a_stated_character_set() -> None:
    html = (
        b"Content-Type: text/html; charset=iso-8859-1\r\nFrom: a@b.example\r\n\r\n"
        b"<p>note caf\xe9<br>x &lt;y&gt;</p><blockquote>old</blockquote>"
    )
    assert mail.read(html).text == "note café\nx <y>"
    unknown = b"Content-Type: text/plain; charset=klingon\r\nFrom: a@b.example\r\n\r\nack"
    assert mail.read(unknown).text == "ack"


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "X-Autoreply: yes\n"])
def test_machines_are_known(header: str) -> None:
    assert mail.read(raw(headers=header)).automatic


def test_a_mail_must_have_one_sender() -> None:
    for sender in ("", "a@x.example, b@x.example", "nobody"):
        with pytest.raises(UnparsableBody):
            mail.read(raw(sender=sender))


def test_tokens_survive_lower_case_and_nothing_else() -> None:
    token = tokens.make(123_456)
    assert tokens.read(token) == tokens.read(token.upper()) == 123_456
    other = tokens.make(123_457)
    for forged in ("", "x", token[:-1], token.split("-")[0] + "-" + other.split("-")[1], token + "0", "é-" + "0" * 24):
        assert tokens.read(forged) is None
    assert len(f"reply+{token}") <= 64
    assert tokens.in_addresses(f"NOC <reply+{token}@in.example.com>, x@y.example") == token


def test_tokens_survive_a_change_of_the_key(settings: object) -> None:
    token = tokens.make(5)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key"
    assert tokens.read(token) == 5
    settings.SECRET_KEY_FALLBACKS = []
    assert tokens.read(token) is None


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(noise: bytes) -> None:
    for body in (
        noise,
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + noise,
        raw()[:60] + noise,
    ):
        try:
            mail.read(body)
        except UnparsableBody:
            continue
