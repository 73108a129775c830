"""Answers by mail: reading what strangers' programs send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.kernel.errors import UnparsableBody
from notifications.delivery import tokens
from notifications.replies import mail
from notifications.replies.mail import Mail


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
    assert mail.read(raw()) == Mail("ana@example.com", tokens.make(7), "ack")


def test_only_html_and_a_stated_character_set() -> None:
    html = (
        b"Content-Type: text/html; charset=iso-8859-1\r\nFrom: a@b.example\r\n\r\n"
        b"<p>note caf\xe9<br>x &lt;y&gt;</p><blockquote>old</blockquote>"
    )
    assert mail.read(html).text == "note café\nx <y>"
    unknown = b"Content-Type: text/plain; charset=klingon\r\nFrom: a@b.example\r\n\r\nack"
    assert mail.read(unknown).text == "ack"


OUTLOOK = (
    b'<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta charset="utf-8"><style><!--\n'
    b"@font-face {font-family:Calibri;} p.MsoNormal {margin:0cm;}\n--></style>"
    b"<!--[if gte mso 9]><xml>x</xml><![endif]--></head>"
    b'<body lang="DE"><div class="WordSection1"><p class="MsoNormal"><span>ack<o:p></o:p></span></p>'
    b'<p class="MsoNormal"><o:p>&nbsp;</o:p></p><div style="border:none;border-top:solid #E1E1E1 1.0pt">'
    b'<p class="MsoNormal"><b>From:'
    b"</b> NOC &lt;noc@example.com&gt;<br><b>Sent:</b> Thursday<br><b>To:</b> Ana</p></div><p>High CPU</p></div></body></html>"
)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (OUTLOOK, "ack"),
        (b"<style>p {color: red}</style><p>ack</p>", "ack"),
        (b"<head><title>Re: x</title></head><p>ack", "ack"),
        (b"<style>never closed <p>ack</p>", "never closed\nack"),
        (b"<div dir=ltr>ack</div><br><div class=gmail_quote>On Thu, 19 Mar 2026 at 14:30, NOC &lt;n@x.example&gt; wrote:"
         b"<br><blockquote>High CPU</blockquote></div>", "ack"),
        (b"<blockquote>High CPU<blockquote>older</blockquote>more</blockquote><div>ack</div>", "ack"),
        (b"<div>Got it<br></div><div id=appendonsend></div><hr><div id=divRplyFwdMsg>From: NOC</div>", "Got it"),
        (b"<p>a&nbsp;&lt;b&gt; &amp; c</p><script>alert(1)</script>", "a <b> & c"),
        (b"<p>\nack\n</p><!-- not closed <p>more", "ack"),
        (b"<table><tr><td>ack</td><td>on it</td></tr></table>", "ack  on it"),
        (b"ack <", "ack <"),
        (b'<div style="display: none">resolve <div>x</div> y</div><p>ack</p>', "ack"),
        (b"<span hidden>resolve</span><p>ack</p>", "ack"),
        (b"<p><s>resolve</s> ack</p>", "ack"),
        (b"<div hidden>never closed <p>ack</p>", "never closed\nack"),
        (b"<pre>ack\n\n&gt; High CPU\n&gt; resolve</pre>", "ack"),
        (b"<div class=gmail_attr>NOC &lt;n@x.example&gt;<br></div><blockquote>resolve</blockquote>", ""),
    ],
)  # fmt: skip
def test_html_alone(page: bytes, said: str) -> None:
    assert mail.read(b"Content-Type: text/html; charset=utf-8\r\nFrom: a@b.example\r\n\r\n" + page).text == said


def alternative(plain: str, page: str, more: str = "") -> str:
    return f"--b\nContent-Type: text/plain; charset=utf-8\n\n{plain}\n--b\nContent-Type: text/html\n\n{page}\n{more}--b--\n"


ALTERNATIVE = 'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="b"\n'


@pytest.mark.parametrize(
    ("plain", "page", "said"),
    [
        ("ack", "<p>other</p>", "ack"),
        ("", "<p>ack</p>", "ack"),
        (" \u00a0\n\u200b\n", "<p>ack</p>", "ack"),
        ("> only quoted", "<p>ack</p><blockquote>only quoted</blockquote>", "ack"),
        ("This message requires an HTML viewer.", "<p>ack</p>", "ack"),
        ("Your email client does not support HTML mail.", "<p>ack</p>", "ack"),
        ("This message is in HTML", "", "This message is in HTML"),
        ("<html><body><p>ack</p></body></html>", "", "ack"),
    ],
)
def test_the_page_is_read_where_the_plain_text_says_nothing(plain: str, page: str, said: str) -> None:
    assert mail.read(raw(headers=ALTERNATIVE, body=alternative(plain, page))).text == said


def nested(inner: str) -> str:
    return f"--out\nContent-Type: multipart/alternative; boundary=b\n\n{inner}\n--out\n{ATTACHED}\n--out--\n"


ATTACHED = 'Content-Type: text/plain; name="log.txt"\nContent-Disposition: attachment; filename="log.txt"\n\nresolve'


@pytest.mark.parametrize("kind", ["mixed", 'signed; protocol="application/pkcs7-signature"', "related"])
def test_parts_in_parts_and_attachments(kind: str) -> None:
    headers = f"MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary=out\n"
    assert mail.read(raw(headers=headers, body=nested(alternative("ack", "<p>x</p>")))).text == "ack"
    first = f"--out\n{ATTACHED}\n--out\n\nack\n--out--\n"
    assert mail.read(raw(headers=headers, body=first)).text == "ack"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n", "77u/YWNrCg=="),
        ("Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n", "=61ck=C2=A0=\n\n"),
        ("Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n", "ack \n\n> High \n> CPU\n"),
        ("Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n", "//5hAGMAawA="),
        ("Content-Type: text/plain; charset=klingon\n", "ack"),
        ("Content-Type: text/plain; charset=punycode\n", "ack"),
        ("Content-Type: text/plain; charset*=us-ascii'en'utf-8\n", "ack"),
        ("Content-Type: nonsense\n", "ack"),
        ("content-type : text/plain\n", "ack"),
    ],
)
def test_encodings(headers: str, body: str) -> None:
    assert mail.read(raw(headers=headers, body=body)).text.strip("\ufeff") == "ack"


def test_what_is_encrypted_or_wrapped_is_known() -> None:
    wrapped = 'Content-Type: application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"\n'
    read = mail.read(raw(headers=wrapped, body="MIAGCSqGSIb3DQ=="))
    assert read.sealed and read.text == ""


def test_a_pipe_puts_a_line_before_the_mail() -> None:
    assert mail.read(b"From ana@example.com  Thu Mar 19 14:30:00 2026\r\n" + raw()) == mail.read(raw())


@pytest.mark.parametrize(
    ("results", "forged"),
    [
        ("mx.example; dmarc=pass header.from=example.com; spf=fail", False),
        ("mx.example; dmarc=fail (p=none) header.from=example.com; spf=pass", True),
        ("mx.example; spf=fail smtp.mailfrom=x; dkim=none", True),
        ("mx.example; spf=softfail; dkim=fail; dkim=pass header.d=example.com", False),
        ("mx.example; spf=none; dkim=none; dmarc=none", False),
        ("mx.example; none", False),
        ("mx.example; spf=fail smtp.mailfrom=dmarc=pass@evil.example; dmarc=fail", True),
        ('mx.example; spf=fail smtp.mailfrom="x; dmarc=pass"@evil.example; dmarc=fail', True),
        (
            "mx.example; spf=fail (mx: domain of dmarc=pass@evil.example (; dmarc=pass)) smtp.mailfrom=x; dmarc=fail",
            True,
        ),
        ("mx.example 1; dmarc/1=pass (p=reject); spf=fail", False),
        (
            'mx; spf=pass (domain of "a) dmarc=pass (b"@evil.example) smtp.mailfrom="a) dmarc=pass (b"@evil.example; dmarc=fail',
            True,
        ),
        ("mx.example; dmarc=fail; dmarc=pass", True),
        ("mx.example; spf=fail; dkim=pass header.d=evil.example", True),
        ("mx.example; spf=pass smtp.mailfrom=ana@evil.example; dkim=none", True),
        ("mx.example; spf=pass smtp.mailfrom=example.com.evil.example; dkim=pass header.i=@notexample.com", True),
        ("mx.example; spf=pass smtp.mailfrom=bounce+1@mail.example.com; dkim=none", False),
        ("mx.example; spf=fail smtp.mailfrom=x@list.example; dkim=pass header.i=@example.com", False),
        ("atlas.yahoo; dkim=dkim_pass header.i=@example.com; spf=fail smtp.mailfrom=x.example", False),
        ("atlas.yahoo; dmarc=success(p=REJECT) header.from=example.com; spf=fail", False),
    ],
)
def test_the_gateways_own_check_of_the_sender_counts(results: str, forged: bool) -> None:
    assert mail.read(raw(headers=f"Authentication-Results: {results}\n")).forged is forged
    below = f"Authentication-Results: mx.example; spf=none\nAuthentication-Results: {results}\n"
    assert not mail.read(raw(headers=below)).forged  # written by whoever sent it


def test_a_name_with_a_comma_is_one_sender() -> None:
    assert mail.read(raw(sender="Doe, Ana <ana@example.com>")).sender == "ana@example.com"


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
