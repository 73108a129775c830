"""The e-mail channel: text and HTML over SMTP, threaded by incident, with signed links and an address to reply to.

The settings are those of a provider account or of ``AIOPS_SMTP_URL`` (``notifications/channels/smtp.py``). The operator
named that server, so it may stand in a private network.
"""

from __future__ import annotations

import contextlib
import html
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Annotated, Any

import httpx
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from aiops.kernel.addresses import BlockedAddress
from aiops.kernel.errors import InvalidInput
from aiops.kernel.http import resolve
from aiops.kernel.validation import Checked, Line
from notifications.channels.contracts import Asked, Channel, Message, Outlet, PermanentFailure, Sent, TemporaryFailure
from notifications.channels.http_call import scrub
from notifications.channels.smtp import FROM_OPERATOR
from notifications.channels.text import answered, block, footer, line, opening, references, taken, unsaid
from notifications.choices import ChannelKind

TIMEOUT = 15.0  # seconds
LONGEST = 30.0  # seconds for all of it: a server that says a byte at a time is hung up on
# Seven bits in headers and body: a server that takes eight is nowhere promised, and one that does not breaks the mail.
POLICY = SMTP.clone(cte_type="7bit")
SUBJECT, BODY = 200, 100_000  # characters
SECURITY = ("starttls", "tls", "none")
PORTS = {"starttls": 587, "tls": 465, "none": 25}

_REF = re.compile(r"<[^<>\s@]{1,200}@[^<>\s@]{1,200}>")
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,200}")
_ENHANCED = re.compile(r"\b[45]\.(\d{1,3})\.\d{1,3}\b")


def check_address(text: str) -> str:
    """One e-mail address; its domain in lower case, as DNS knows it."""
    local, _, domain = text.strip().rpartition("@")
    try:
        address = f"{local}@{domain.lower().encode('idna').decode()}"
        validate_email(address)
    except (ValidationError, UnicodeError) as error:
        raise InvalidInput("address: expected an e-mail address such as ana@example.com.", field="address") from error
    if not local.isascii() or len(address) > 254:
        raise InvalidInput("address: only ASCII before the @, and at most 254 characters.", field="address")
    return address


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Hand it to the server. From then on it is the server's: an SMTP server that takes a message must deliver or bounce it."""
    settings = outlet.settings
    if not settings.get("host") or not settings.get("sender"):
        raise PermanentFailure("E-mail: no SMTP server is set for this workspace.", address=False)
    mail = compose(message, outlet)
    with _session(settings) as smtp:
        _expect(smtp.mail(parseaddr(settings["sender"])[1]), account=True)
        _expect(smtp.rcpt(outlet.address), account=False)
        try:
            code, words = smtp.data(mail.as_bytes(policy=POLICY))
        except smtplib.SMTPDataError as error:
            code, words = error.smtp_code, _bytes(error.smtp_error)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise TemporaryFailure("The mail server broke off after the text.", unknown=True) from error
        _expect((code, words), account=True)
    return Sent(
        ref=str(mail["Message-ID"]), detail=f"The mail server took it: {scrub(words.decode('utf-8', 'replace'))}"
    )


def compose(message: Message, outlet: Outlet) -> EmailMessage:
    """The mail. Nothing in a title can become a header: headers are one line by construction."""
    sender_name, sender = parseaddr(outlet.settings["sender"])
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = line(message.subject, SUBJECT) or "Notification"
    mail["From"] = Address(line(sender_name), addr_spec=sender)
    mail["To"] = Address(addr_spec=outlet.address)
    mail["Date"] = format_datetime(
        message.sent_at or message.created_at
    )  # one held back until the morning is the morning's
    # The same in every attempt, so that a server or a reader may know a repeat.
    mail["Message-ID"] = f"<{message.delivery_id}.{int(message.created_at.timestamp())}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Aiops-Delivery"] = message.delivery_id
    mail["X-Aiops-Purpose"] = str(message.purpose)
    if message.incident:
        mail["X-Aiops-Incident"] = line(message.incident.name, 100)
        mail["X-Aiops-Severity"] = line(message.incident.severity, 20)
        # What no mail carries as its own id still makes one thread of all that refer to it.
        root = f"<incident-{re.sub(r'[^A-Za-z0-9-]', '', message.incident.id)}@{domain}>"
        first = message.previous_ref if _REF.fullmatch(message.previous_ref) else ""
        mail["In-Reply-To"] = first or root
        mail["References"] = f"{root} {first}".strip()
    if message.urgency == "high" and message.event == "trigger":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    inbound = str(outlet.settings.get("inbound_domain", ""))
    if inbound and _TOKEN.fullmatch(message.reply_token):
        mail["Reply-To"] = Address(username=f"reply+{message.reply_token}", domain=inbound)
    replies = _replies(message) if "Reply-To" in mail else ""
    mail.set_content(_text(message, replies))
    mail.add_alternative(_html(message, replies), subtype="html")
    return mail


BUTTON = "display:inline-block;margin:0 8px 8px 0;padding:8px 14px;border:1px solid #98a2b3;border-radius:6px"


def _replies(message: Message) -> str:
    """What a reply to this mail may say; "" when it asks for none."""
    words = f"reply to this mail with {'' if taken(message) else 'ack, '}resolve, snooze 1h, escalate or a note"
    if what := answered(message):
        return f"To answer for {what}, {words}."
    return f"Or {words}." if message.asks else ""


def _text(message: Message, replies: str) -> str:
    links = "\n".join(f"{line(each.label)}: {each.url}" for each in [*message.answers, *unsaid(message)])
    parts = [block(message.text, BODY), links, replies, f"-- \n{footer(message)}"]
    return "\n\n".join(filter(None, parts)) + "\n"


def _html(message: Message, replies: str) -> str:
    body = message.html or f"<p>{html.escape(block(message.text, BODY)).replace(chr(10), '<br>')}</p>"
    buttons = "".join(
        f'<a href="{html.escape(each.url)}" style="{BUTTON}">{html.escape(line(each.label))}</a>'
        for each in [*message.answers, *filter(None, [opening(message)]), *references(message)]
    )
    return (
        '<!doctype html><html><body style="font-family:sans-serif;font-size:15px;line-height:1.45">'
        f"{body}<p>{buttons}</p>{f'<p>{replies}</p>' if replies else ''}"
        f'<p style="color:#667085;font-size:12px">{html.escape(footer(message))}</p></body></html>'
    )


class _Smtp(smtplib.SMTP):
    """Connects to an address that was checked, not to whatever the name means a moment later."""

    checked = True
    patience: threading.Timer

    def hang_up(self) -> None:
        """From another thread: whoever waits for the server finds the connection closed."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        where = resolve(host, port) if self.checked else host
        return socket.create_connection((where, port), timeout, self.source_address)


class _SmtpTls(smtplib.SMTP_SSL, _Smtp):
    """The same, with TLS from the first byte."""


@contextlib.contextmanager
def _session(settings: Mapping[str, Any]) -> Iterator[_Smtp]:
    """A connection that has said hello, is encrypted and signed in; says goodbye, whatever comes of that."""
    try:
        smtp = _connect(settings)
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, _bytes(error.smtp_error), account=True) from error
    except smtplib.SMTPNotSupportedError as error:
        raise PermanentFailure("The mail server offers no STARTTLS, or no way to sign in.", address=False) from error
    except ssl.SSLCertVerificationError as error:
        raise PermanentFailure("The mail server's certificate is not valid.", address=False) from error
    except BlockedAddress as error:
        raise PermanentFailure(error.message, address=False) from error
    except (smtplib.SMTPException, OSError) as error:
        raise TemporaryFailure(f"The mail server cannot be reached ({type(error).__name__}).") from error
    try:
        yield smtp
    except (smtplib.SMTPException, OSError) as error:
        raise TemporaryFailure("The mail server broke off.") from error
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        smtp.patience.cancel()


def _connect(settings: Mapping[str, Any]) -> _Smtp:
    security = settings.get("security") or "starttls"
    sender_domain = parseaddr(settings["sender"])[1].rpartition("@")[2]
    options: dict[str, Any] = {"timeout": TIMEOUT, "local_hostname": sender_domain}
    if security == "tls":
        options["context"] = ssl.create_default_context()
    smtp = (_SmtpTls if security == "tls" else _Smtp)(**options)
    smtp.checked = settings.get(FROM_OPERATOR) != "yes"
    host = str(settings["host"])
    smtp._host = host  # type: ignore[attr-defined]  # the name that the certificate must carry
    smtp.patience = threading.Timer(LONGEST, smtp.hang_up)
    smtp.patience.daemon = True
    smtp.patience.start()
    try:
        smtp.connect(host, int(settings.get("port") or PORTS[security]))
        smtp.ehlo_or_helo_if_needed()
        if security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        if settings.get("username"):
            smtp.login(str(settings["username"]), str(settings.get("password", "")))
    except BaseException:
        smtp.patience.cancel()
        smtp.close()
        raise
    return smtp


def _expect(reply: tuple[int, bytes], *, account: bool) -> None:
    code, words = reply
    if not 200 <= code < 300:
        raise _refusal(code, words, account=account)


def _refusal(code: int, words: bytes, *, account: bool) -> TemporaryFailure | PermanentFailure:
    """4xx passes, 5xx stays. A recipient's enhanced code says whose fault it is: x.1 and x.2 the mailbox's, x.7 policy's."""
    text = words.decode("utf-8", "replace")
    reason = f"The mail server said {code} {scrub(text)}"
    if 400 <= code < 500:
        return TemporaryFailure(reason)
    enhanced = _ENHANCED.search(text)
    about_mailbox = enhanced.group(1) in ("1", "2") if enhanced else code in (550, 551, 553)
    return PermanentFailure(reason, address=not account and about_mailbox)


def _bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode("utf-8", "replace")


def check_sender(text: str) -> str:
    """From whom mails come: an address, or a name and an address in angle brackets."""
    name, address = parseaddr(text.strip())
    try:
        if line(text) != text.strip():
            raise ValueError("more than one line")
        return str(Address(line(name), addr_spec=check_address(address)))
    except (InvalidInput, ValueError, IndexError) as error:
        raise InvalidInput("sender: expected an address such as NOC <noc@example.com>.", field="sender") from error


def check_port(text: str) -> str:
    """A TCP port."""
    if not text.strip().isdecimal() or not 0 < int(text) < 65536:
        raise InvalidInput("port: expected a number from 1 to 65535.", field="port")
    return str(int(text))


def check_security(text: str) -> str:
    """How the connection is encrypted."""
    if text.strip().lower() not in SECURITY:
        raise InvalidInput(f"security: expected one of {', '.join(SECURITY)}.", field="security")
    return text.strip().lower()


def check_domain(text: str) -> str:
    """The domain whose mail reaches us; empty: none does."""
    try:
        return check_address(f"reply@{text.strip()}").rpartition("@")[2] if text.strip() else ""
    except InvalidInput as error:
        raise InvalidInput(
            "inbound_domain: expected a domain such as in.example.com.", field="inbound_domain"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An SMTP server."""

    host: Annotated[Line, Asked("SMTP server")]
    port: Annotated[str, Checked(check_port), Asked("Port", "587 with STARTTLS, 465 with TLS, 25 without.")] = "587"
    security: Annotated[
        str, Checked(check_security), Asked("Encryption", "starttls, tls (from the first byte) or none.")
    ] = "starttls"
    username: Annotated[Line, Asked("User")] = ""
    password: Annotated[Line, Asked("Password", secret=True)] = ""
    sender: Annotated[str, Checked(check_sender), Asked("From", "Such as NOC <noc@example.com>.")]
    inbound_domain: Annotated[
        str,
        Checked(check_domain),
        Asked(
            "Domain for replies",
            "Mail to reply+…@ this domain must be posted to us (docs/answering.md); empty: replies are not read.",
        ),
    ] = ""
    webhook_secret: Annotated[
        Line,
        Asked(
            "Signing key of replies",
            "Mailgun's HTTP webhook signing key; empty: the address alone is the secret.",
            secret=True,
        ),
    ] = ""


CHANNEL = Channel(
    kind=ChannelKind.EMAIL,
    personal=True,
    shared=True,
    address_label="E-mail address",
    send=send,
    check_address=check_address,
    account=Account,
    needs_provider=True,
    verifies=True,
)
