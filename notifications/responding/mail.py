"""A mail that answers a page: who sent it, to which token, and what they wrote, without what they quoted. Pure."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses

from django.utils.html import strip_tags

from aiops.kernel.errors import UnparsableBody
from notifications.responding.tokens import in_addresses

LONGEST = 20_000  # characters of an answer
MOST_PARTS = 50
TO_HEADERS = ("To", "Cc", "Delivered-To", "X-Original-To", "X-Envelope-To", "Envelope-To")

# Where what is quoted, or the signature, begins: the marks of the common mail programs.
_CUT = re.compile(
    r"^(?:"
    r"-- ?$"
    r"|_{5,}\s*$"
    r"|-{2,}\s*\S[^\n]*\S\s*-{2,}\s*$"  # -----Original Message-----, in any language
    r"|(?:From|Von|De|Da|Van|Fra|Från)\s?:\s.{0,200}@"  # Outlook's header block
    r"|(?:On|Am|Le|El|Il|Op|Em|Den|W dniu)\s.{0,200}(?:\d{4}|\d:\d\d|@).{0,200}:\s*$"  # On …, Ana wrote:
    r"|Sent from my |Get Outlook for |Von meinem iPhone "
    r")",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li|/h\d|/tr)\b[^>]{0,200}>", re.IGNORECASE)
_QUOTED_HTML = re.compile(r"<\s*(?:blockquote|style|script|head)\b.*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mail:
    """An answer. *token* is "" when it went to no address of ours; *automatic* says that no person wrote it."""

    sender: str
    token: str
    text: str
    automatic: bool


def read(raw: bytes, envelope: str = "") -> Mail:
    """The mail in *raw* (RFC 5322). *envelope*: recipients that the gateway names beside it. Raises ``UnparsableBody``."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(raw)
        senders = [address for _, address in getaddresses([str(message.get("From", ""))])]
        recipients = " ".join([envelope, *(str(value) for name in TO_HEADERS for value in message.get_all(name, []))])
        text = _text(message)
        automatic = _is_automatic(message)
    except Exception as error:  # the standard library fails in many ways on what strangers send
        raise UnparsableBody(f"The mail can't be read ({type(error).__name__})") from error
    if len(senders) != 1 or "@" not in senders[0]:
        raise UnparsableBody("The mail must come from exactly one address")
    return Mail(senders[0].lower(), in_addresses(recipients), answer(text), automatic)


def answer(text: str) -> str:
    """What was written: *text* up to the first quoted line or the signature, without blanks around it."""
    kept: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\0", "").split("\n"):
        stripped = line.strip().replace("\N{NO-BREAK SPACE}", " ")
        if stripped.startswith((">", "|>")) or _CUT.match(stripped[:600] or " "):
            break
        kept.append(line.rstrip())
    clean = "\n".join(kept).strip().encode("utf-8", "replace").decode()
    # "On Thu, 19 Mar 2026 at 14:30, NOC <noc@…>" may be wrapped before "wrote:".
    return re.sub(r"\n(?:On|Am|Le)\s[^\n]{10,200}\n[^\n]{0,100}(?:wrote|schrieb|écrit)\s?:\s*$", "", clean).strip()[
        :LONGEST
    ]


def _text(message: EmailMessage) -> str:
    """The plain text, else the HTML's."""
    found: dict[str, EmailMessage] = {}
    for place, part in enumerate(message.walk()):
        if place > MOST_PARTS:
            break
        if part.get_content_disposition() != "attachment":
            found.setdefault(part.get_content_type(), part)
    if (plain := found.get("text/plain")) is not None:
        return _content(plain)
    if (page := found.get("text/html")) is not None:
        markup = _QUOTED_HTML.sub("", _BREAKS.sub("\n", _content(page)[: LONGEST * 5]))
        return html.unescape(strip_tags(markup))
    return ""


def _content(part: EmailMessage) -> str:
    """The text of a part, whatever its character set claims to be."""
    try:
        return str(part.get_content())
    except LookupError:
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _is_automatic(message: EmailMessage) -> bool:
    """Out-of-office notes, bounces and lists answer too."""
    submitted = str(message.get("Auto-Submitted", "no")).lower()
    precedence = str(message.get("Precedence", "")).lower()
    return (
        not submitted.startswith("no")
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or "X-Autoreply" in message
        or "X-Autorespond" in message
    )
