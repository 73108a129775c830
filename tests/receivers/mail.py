"""A real SMTP server on loopback: keeps what it takes, refuses what it is told to refuse."""

from __future__ import annotations

import email
import email.policy
import ssl
import threading
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from tests.patience import PATIENCE
from tests.peers import free_port


@dataclass
class Mail:
    """One message as it came over the wire."""

    sender: str
    recipients: list[str]
    raw: bytes
    tls: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, kind: str) -> str:
        """The text of the part of that type ("plain", "html")."""
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class SmtpReceiver:
    """*refuse* maps a recipient, "MAIL", "DATA" or "*" to the reply it gets ("550 5.1.1 no such user"). *drop_at_data* breaks
    the connection where nobody knows whether the message was taken."""

    user: str = ""
    password: str = ""
    certificate: tuple[Path, Path] | None = None
    implicit_tls: bool = False
    refuse: dict[str, str] = field(default_factory=dict)
    drop_at_data: bool = False
    mails: list[Mail] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._came = threading.Condition()
        self._closed = False
        self.port = free_port()
        options: dict[str, Any] = {}
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            options["ssl_context" if self.implicit_tls else "tls_context"] = context
        if self.user:  # asked for in MAIL, below
            options |= {"authenticator": self._login, "auth_require_tls": False}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def wait(self, count: int = 1, seconds: float = PATIENCE) -> list[Mail]:
        """The messages so far, once there are *count*; fails if they don't come."""
        deadline = time.monotonic() + seconds
        with self._came:
            while len(self.mails) < count:
                if not self._came.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise AssertionError(f"expected {count} mails, got {len(self.mails)}")
        return list(self.mails)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._controller.stop()

    def _login(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            self.user.encode(),
            self.password.encode(),
        )
        session.login_name = self.user
        return AuthResult(success=good, handled=good)

    async def handle_MAIL(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.user and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if reply := self.refuse.get("MAIL"):
            return reply
        envelope.mail_from = address
        envelope.mail_options = list(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if reply := self.refuse.get(address) or self.refuse.get("*"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if reply := self.refuse.get("DATA"):
            return reply
        content = envelope.content
        if not bytes(content or b"").isascii() and "BODY=8BITMIME" not in envelope.mail_options:
            return "554 5.6.1 Eight bits were not announced"
        mail = Mail(
            envelope.mail_from or "",
            list(envelope.rcpt_tos),
            content if isinstance(content, bytes) else str(content).encode(),
            tls=session.ssl is not None or self.implicit_tls,
            user=self.user if session.authenticated else "",
        )
        with self._came:
            self.mails.append(mail)
            self._came.notify_all()
        if self.drop_at_data:
            server.transport.abort()
        return "250 Taken"
