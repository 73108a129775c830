"""A mail reply: its sender, its token and its own text without quotations. Pure.

It comes as the whole message, or as the fields that a gateway made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import getaddresses

import orjson

from aiops.kernel.errors import UnparsableBody
from notifications.delivery.tokens import in_addresses
from notifications.replies import machines, markup, mime, quoting
from notifications.replies.mime import Headers, Part

ENVELOPE = 2000  # characters of the recipients that a gateway names
RAW = (
    "email",
    "body-mime",
    "rfc822",
    "message",
    "raw",
    "RawEmail",
)  # SendGrid, Mailgun, …, Postmark: the whole message
PLAIN = ("body-plain", "text", "TextBody", "stripped-text", "StrippedTextReply")
PAGES = ("body-html", "html", "HtmlBody", "stripped-html")
SENDERS = ("from", "From", "sender")
SUBJECTS = ("subject", "Subject")
ENVELOPES = ("recipient", "to", "To", "OriginalRecipient", "envelope")
CHECKED = ("authentication-results", "received-spf", "x-mailgun-spf", "x-mailgun-dkim-check-result")
WANTED = ("from", "subject", "message-id", *CHECKED, *machines.HEADERS)
SEALED = frozenset(
    ("application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted", "multipart/encrypted")
)

_PAGE = re.compile(r"\s{0,100}<(?:!doctype html|html|head|body|div|p)[\s>]", re.IGNORECASE)
# What programs write into the plain text instead of what somebody wrote.
_NO_PAGE = re.compile(
    r"\W{0,10}(?:(?:this|the) (?:e-?mail|message)(?: content)? (?:requires|contains|is in|was sent in|is only available in)\b"
    r"|your (?:e-?mail |mail )?(?:client|program|reader|software|app) (?:does not|doesn['’]t|can['’]?not|can['’]t)\b"
    r"|(?:to view|please view|view) (?:this|the) (?:e-?mail|message)\b|diese (?:e-?mail|nachricht)\b).{0,80}\bhtml\b",
    re.IGNORECASE,
)
_STATEMENT = re.compile(r"\s*(dmarc|spf|dkim)(?:/\d+)?\s?=\s?([a-z_]{1,20})(.*)", re.DOTALL)
_DOMAIN = re.compile(r"\b(?:header\.[di]|smtp\.mailfrom|envelope-from)\s?=\s?<?(?:[^\s;@]{0,200}@)?([a-z0-9.-]{1,253})")
_PASSED = frozenset(("pass", "bestguesspass", "success"))
_FAILED = frozenset(("fail", "softfail", "hardfail", "permerror"))


@dataclass(frozen=True, slots=True)
class Mail:
    """An answer. *token* is "" when it went to no address of ours; *automatic* says that no person wrote it, *forged* that the
    gateway's own check says that its sender did not send it, *sealed* that its text is encrypted or wrapped in a signature."""

    sender: str
    token: str
    text: str
    automatic: bool = False
    forged: bool = False
    sealed: bool = False
    message_id: str = ""


def read(raw: bytes, envelope: str = "", checked: str = "") -> Mail:
    """The mail in *raw* (RFC 5322). *envelope* and *checked*: recipients, and what its check of the sender gave, as the gateway
    says beside it. Raises ``UnparsableBody``."""
    head, body = mime.split(raw)
    headers = mime.headers(head, WANTED)
    if checked:  # what the mail itself says of that was written by whoever sent it
        headers.values["authentication-results"] = [checked]
    return _mail(headers, mime.parts(headers, body), envelope)


def of_fields(fields: Mapping[str, object]) -> Mail:
    """The mail in what a gateway posted: a field with the whole message, or the fields of Mailgun, SendGrid and Postmark.

    Raises ``UnparsableBody``.
    """
    texts = {name: value for name, value in fields.items() if isinstance(value, str) and value}
    envelope = " ".join(texts[name][:ENVELOPE] for name in ENVELOPES if name in texts)
    if raw := next((texts[name] for name in RAW if name in texts), ""):
        return read(raw[: mime.READ].encode("utf-8", "replace"), envelope, _checked(texts))
    headers = _headers(fields, texts)
    parts = [Part("text/plain", False, "", texts[name][: mime.TEXT]) for name in PLAIN if name in texts]
    parts += [Part("text/html", False, "", texts[name][: mime.TEXT]) for name in PAGES if name in texts]
    if not parts and not headers.get("from"):
        raise UnparsableBody("Expected a mail as the body, or in a field such as “email”, “body-mime” or “body-plain”")
    return _mail(headers, parts, envelope)


def _mail(headers: Headers, parts: Sequence[Part], envelope: str) -> Mail:
    # Without quotes around it, "Doe, Ana <ana@…>" reads like two.
    senders = [address for _, address in getaddresses(headers.values.get("from", [])) if "@" in address]
    if len(senders) != 1:
        raise UnparsableBody("The mail must come from exactly one address")
    sender = senders[0].lower()
    return Mail(
        sender=sender,
        token=in_addresses(f"{envelope[:ENVELOPE]} {headers.recipients}"),
        text=_text(parts),
        automatic=machines.wrote(headers, parts, sender),
        forged=_is_forged(headers, sender),
        sealed=any(part.type in SEALED for part in parts),
        message_id=headers.get("message-id"),
    )


def _text(parts: Sequence[Part]) -> str:
    """What was written: of the plain texts the first that says something, else of the pages."""
    shown = [part for part in parts if not part.attached]
    plain = [
        markup.text_of(part.text) if _PAGE.match(part.text) else part.text
        for part in shown
        if part.type == "text/plain"
    ]
    pages = [markup.text_of(part.text) for part in shown if part.type == "text/html"]
    said = [answer for text in (*plain, *pages) if (answer := quoting.answer(text))]
    return next((answer for answer in said if not _NO_PAGE.match(answer)), said[0] if said else "")


def _headers(fields: Mapping[str, object], texts: Mapping[str, str]) -> Headers:
    """The headers that a gateway gives: as they were, as a list, and as fields."""
    headers = mime.headers(texts.get("headers", "")[: mime.HEAD].encode("utf-8", "replace"), WANTED)
    for name, value in _listed(fields.get("Headers")) + _listed(_json(texts.get("message-headers", ""))):
        if name.lower() in WANTED or name.lower() in mime.TO:
            headers.add(name, value)
    for name, given in (("from", SENDERS), ("subject", SUBJECTS)):
        if not headers.get(name) and (value := next((texts[each] for each in given if each in texts), "")):
            headers.add(name, value)
    if checked := _checked(texts):
        headers.values["authentication-results"] = [checked]
    envelope = _json(texts.get("envelope", ""))
    if fields.get("sender") == "" or (isinstance(envelope, dict) and envelope.get("from") == ""):
        headers.add("return-path", "<>")
    return headers


def _checked(texts: Mapping[str, str]) -> str:
    """What SendGrid's own check of the sender gave, as ``Authentication-Results``; "" when another gateway posted it."""
    if "SPF" not in texts:
        return ""
    envelope = _json(texts.get("envelope", ""))
    sent_by = re.search(r"@([\w.-]{1,253})$", str(envelope.get("from"))[-300:]) if isinstance(envelope, dict) else None
    signed = re.findall(r"@([\w.-]{1,253}) : (\w{1,20})", texts.get("dkim", "")[: mime.VALUE])
    return f"SendGrid; spf={texts['SPF'][:20]}{f' smtp.mailfrom={sent_by[1]}' if sent_by else ''}" + "".join(
        f"; dkim={result} header.d={domain}" for domain, result in signed
    )


def _json(text: str) -> object:
    try:
        return orjson.loads(text[: mime.HEAD]) if text else None
    except orjson.JSONDecodeError:
        return None


def _listed(value: object) -> list[tuple[str, str]]:
    """Name and value of headers in a list of pairs (Mailgun) or of objects (Postmark)."""
    found = []
    for each in value[:200] if isinstance(value, list) else []:
        pair = (each.get("Name"), each.get("Value")) if isinstance(each, dict) else each
        match pair:
            case (str(name), str(said)) | [str(name), str(said)]:
                found.append((name[:100], said[: mime.VALUE]))
    return found


def _is_forged(headers: Headers, sender: str) -> bool:
    """Whether the gateway's check of the sender failed. Only the topmost results are its own; without any, nothing is known."""
    results = _statements(headers.get("authentication-results"))
    dmarc = next((result for method, result, _ in results if method == "dmarc"), "")
    if dmarc in _PASSED:
        return False
    if dmarc in _FAILED:
        return True
    spf = [_for(sender, result, about) for method, result, about in results if method == "spf"]
    spf = spf or [headers.get("received-spf").lower().partition(" ")[0], headers.get("x-mailgun-spf").lower()]
    dkim = [_for(sender, result, about) for method, result, about in results if method == "dkim"]
    dkim = dkim or [headers.get("x-mailgun-dkim-check-result").lower()]
    known = {*spf, *dkim}  # of several signatures a good one counts
    return not known & _PASSED and bool(known & _FAILED)


def _statements(results: str) -> list[tuple[str, str, str]]:
    """Method, result and what it is about of each statement in ``Authentication-Results``. Addresses, quoted texts and comments
    hold what the sender chose, and never a result."""
    bare, before = re.sub(r'"(?:[^"\\]|\\.)*"?', "", results.lower()), ""
    while before != bare:
        bare, before = re.sub(r"\([^()]*\)", "", bare), bare
    found = (_STATEMENT.match(part) for part in bare.split(";"))
    return [(each[1], each[2].removeprefix(f"{each[1]}_"), each[3]) for each in found if each]


def _for(sender: str, result: str, about: str) -> str:
    """A result as it counts for *sender*: what passed for somebody else's domain did not pass for theirs."""
    own = sender.rpartition("@")[2]
    domains = [domain.strip(".") for domain in _DOMAIN.findall(about)]
    theirs = any(domain == own or domain.endswith(f".{own}") or own.endswith(f".{domain}") for domain in domains)
    return result if not domains or theirs or result not in _PASSED else "fail"
