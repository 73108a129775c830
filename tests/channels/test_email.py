"""Mail over a real SMTP server: what it looks like, how it threads, and what each refusal means."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from notifications.channels import CHANNELS, email
from notifications.channels.contracts import Message, Outlet, PermanentFailure, Sent, TemporaryFailure
from notifications.channels.smtp import settings_of_url
from notifications.choices import ChannelKind, Urgency
from tests.channels.samples import HOSTILE, LONG, hostile, page, stand_down
from tests.proof.tls import certificate
from tests.receivers import Mail, SmtpReceiver

TO = "ana@example.com"


@pytest.fixture
def smtp() -> Iterator[SmtpReceiver]:
    server = SmtpReceiver()
    yield server
    server.close()


def outlet(server: SmtpReceiver, **settings: str) -> Outlet:
    account = {"host": "127.0.0.1", "port": str(server.port), "security": "none", "sender": "NOC <noc@example.com>"}
    return Outlet(kind=ChannelKind.EMAIL, address=TO, settings={**account, **settings})


def send(message: Message, to: Outlet, http: httpx.Client) -> Sent:
    return CHANNELS[ChannelKind.EMAIL].send(message, to, http)


def mailed(message: Message, server: SmtpReceiver, http: httpx.Client, **settings: str) -> Mail:
    send(message, outlet(server, **settings), http)
    return server.wait()[-1]


def test_a_page_as_text_and_html(smtp: SmtpReceiver, http: httpx.Client) -> None:
    mail = mailed(
        page(html="<h1>Disk full</h1>", reply_token="dlv-2a-tok3n"), smtp, http, inbound_domain="in.example.com"
    )
    message = mail.message
    assert (mail.sender, mail.recipients) == ("noc@example.com", [TO])
    assert message["Subject"] == "[CRITICAL] Disk full on db-1"
    assert (message["From"], message["To"]) == ("NOC <noc@example.com>", TO)
    assert message["Message-ID"] == "<dlv-0000002a.1773889800@example.com>"
    assert (message["Auto-Submitted"], message["X-Aiops-Delivery"]) == ("auto-generated", "dlv-0000002a")
    assert (message["X-Aiops-Incident"], message["Importance"]) == ("INC-20260319-001", "high")
    assert message["Reply-To"] == "reply+dlv-2a-tok3n@in.example.com"
    assert "Acknowledge: https://noc.example.com/respond/a-token" in mail.part("plain")
    assert '<a href="https://noc.example.com/respond/a-token"' in mail.part("html")
    assert "<h1>Disk full</h1>" in mail.part("html") and "reply to this mail" in mail.part("plain")


def test_mails_about_one_incident_are_one_thread(smtp: SmtpReceiver, http: httpx.Client) -> None:
    first = send(page(), outlet(smtp), http)
    send(stand_down("resolve", delivery_id="dlv-0000002b", previous_ref=first.ref), outlet(smtp), http)
    one, two = (mail.message for mail in smtp.wait(2))
    assert one["Message-ID"] == first.ref and two["Message-ID"] != first.ref
    assert two["In-Reply-To"] == first.ref
    assert one["References"] in two["References"] and first.ref in two["References"]
    assert one["References"] == "<incident-inc-01h@example.com>"
    assert two["Importance"] is None  # good news wakes nobody


def test_without_a_domain_for_replies_none_is_offered(smtp: SmtpReceiver, http: httpx.Client) -> None:
    mail = mailed(page(reply_token="tok3n", urgency=Urgency.LOW, html=""), smtp, http)
    assert mail.message["Reply-To"] is None and "reply to this mail" not in mail.part("plain")
    assert "<p>Disk full on db-1<br>Service: payments" in mail.part("html")


def test_a_token_that_is_no_token_is_no_address(smtp: SmtpReceiver, http: httpx.Client) -> None:
    mail = mailed(page(reply_token="x@evil.example\r\nBcc: y"), smtp, http, inbound_domain="in.example.com")
    assert mail.message["Reply-To"] is None and mail.message["Bcc"] is None


@pytest.mark.parametrize("text", [HOSTILE, LONG, "", "naïve ☃ " * 100])
def test_no_title_becomes_a_header_or_markup(text: str, smtp: SmtpReceiver, http: httpx.Client) -> None:
    mail = mailed(replace(hostile(text), previous_ref=text), smtp, http)
    message = mail.message
    assert message["Bcc"] is None and mail.recipients == [TO]
    assert set(message.keys()) <= {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "X-Aiops-Delivery",
        "X-Aiops-Purpose", "X-Aiops-Incident", "X-Aiops-Severity", "In-Reply-To", "References", "Importance", "X-Priority",
        "MIME-Version", "Content-Type", "X-Peer", "X-MailFrom", "X-RcptTo",
    }  # fmt: skip
    assert "<script>" not in mail.part("html")
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("who", "reply", "failure", "address"),
    [
        (TO, "550 5.1.1 <ana@example.com>: no such user", PermanentFailure, True),
        (TO, "550 no such user", PermanentFailure, True),
        (TO, "552 5.2.2 mailbox full", PermanentFailure, True),
        (TO, "554 5.7.1 relay access denied", PermanentFailure, False),
        (TO, "451 4.7.1 greylisted, come back later", TemporaryFailure, None),
        (TO, "452 4.2.2 mailbox full", TemporaryFailure, None),
        ("MAIL", "530 5.7.0 authentication required", PermanentFailure, False),
        ("MAIL", "421 4.3.2 too busy", TemporaryFailure, None),
        ("DATA", "552 5.3.4 message too big", PermanentFailure, False),
        ("DATA", "451 4.3.0 try again", TemporaryFailure, None),
    ],
)
def test_what_a_refusal_means(
    who: str, reply: str, failure: type[Exception], address: bool | None, smtp: SmtpReceiver, http: httpx.Client
) -> None:
    smtp.refuse[who] = reply
    with pytest.raises(failure) as refused:
        send(page(), outlet(smtp), http)
    assert getattr(refused.value, "address", None) is address
    assert not getattr(refused.value, "unknown", False)
    assert reply[:3] in str(refused.value) and TO not in str(refused.value)
    assert smtp.mails == []


def test_a_break_after_the_text_is_unknown(smtp: SmtpReceiver, http: httpx.Client) -> None:
    smtp.drop_at_data = True
    with pytest.raises(TemporaryFailure) as failure:
        send(page(), outlet(smtp), http)
    assert failure.value.unknown and len(smtp.mails) == 1


def test_a_server_that_is_away_is_known_not_to_have_it(smtp: SmtpReceiver, http: httpx.Client) -> None:
    smtp.close()
    with pytest.raises(TemporaryFailure) as failure:
        send(page(), outlet(smtp), http)
    assert not failure.value.unknown


def test_the_inside_is_out_of_bounds_but_for_the_operator(
    smtp: SmtpReceiver, http: httpx.Client, settings: Settings
) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = []
    with pytest.raises(PermanentFailure, match="AIOPS_OUTBOUND_ALLOW") as failure:
        send(page(), outlet(smtp), http)
    assert not failure.value.address
    of_the_operator = settings_of_url(f"smtp://127.0.0.1:{smtp.port}?security=none&from=noc@example.com")
    send(page(), replace(outlet(smtp), settings=of_the_operator), http)
    assert len(smtp.wait()) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_signed_in(
    security: str, http: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path)
    server = SmtpReceiver(user="noc", password="p4ss", certificate=files, implicit_tls=security == "tls")
    try:
        account = {"security": security, "username": "noc", "password": "p4ss"}
        with pytest.raises(PermanentFailure, match="certificate") as failure:
            send(page(), outlet(server, **account), http)
        assert not failure.value.address
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        mail = mailed(page(), server, http, **account)
        assert mail.tls and mail.user == "noc"
        with pytest.raises(PermanentFailure, match="535") as failure:
            send(page(), outlet(server, **account | {"password": "wrong"}), http)
        assert not failure.value.address and "wrong" not in failure.value.reason
    finally:
        server.close()


def test_no_password_travels_in_clear_where_starttls_is_wanted(smtp: SmtpReceiver, http: httpx.Client) -> None:
    with pytest.raises(PermanentFailure, match="STARTTLS") as failure:
        send(page(), outlet(smtp, security="starttls"), http)
    assert not failure.value.address


def test_without_a_server_it_is_the_accounts_fault(http: httpx.Client) -> None:
    with pytest.raises(PermanentFailure) as failure:
        send(page(), Outlet(kind=ChannelKind.EMAIL, address=TO), http)
    assert not failure.value.address


def test_a_server_that_never_comes_to_an_end_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, smtp: SmtpReceiver, http: httpx.Client
) -> None:
    """It greets one letter at a time, so that no single read takes long."""
    monkeypatch.setattr(email, "LONGEST", 0.3)
    listening = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(b"2")
                time.sleep(0.02)

    threading.Thread(target=greet, daemon=True).start()
    with pytest.raises(TemporaryFailure):
        send(page(), outlet(smtp, port=str(listening.getsockname()[1])), http)
    listening.close()
