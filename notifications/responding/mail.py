"""A mail that answers a page: who sent it, to which token, and what they wrote, without what they quoted. Pure.

It comes as the whole message, or as the fields that a gateway made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import getaddresses

import orjson

from aiops.kernel.errors import UnparsableBody
from notifications.responding import machines, markup, mime, quoting
from notifications.responding.mime import Headers, Part
from notifications.responding.tokens import in_addresses

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


def read(raw: bytes, envelope: str = "") -> Mail:
    """The mail in *raw* (RFC 5322). *envelope*: recipients that the gateway names beside it. Raises ``UnparsableBody``."""
    head, body = mime.split(raw)
    headers = mime.headers(head, WANTED)
    return _mail(headers, mime.parts(headers, body), envelope)


def of_fields(fields: Mapping[str, object]) -> Mail:
    """The mail in what a gateway posted: a field with the whole message, or the fields of Mailgun, SendGrid and Postmark.

    Raises ``UnparsableBody``.
    """
    texts = {name: value for name, value in fields.items() if isinstance(value, str) and value}
    envelope = " ".join(texts[name][:ENVELOPE] for name in ENVELOPES if name in texts)
    if raw := next((texts[name] for name in RAW if name in texts), ""):
        return read(raw[: mime.READ].encode("utf-8", "replace"), envelope)
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
        forged=_is_forged(headers),
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
    if "SPF" in texts:  # SendGrid's own check
        headers.add("received-spf", texts["SPF"])
        headers.add("x-mailgun-dkim-check-result", "pass" if ": pass" in texts.get("dkim", "") else "none")
    envelope = _json(texts.get("envelope", ""))
    if fields.get("sender") == "" or (isinstance(envelope, dict) and envelope.get("from") == ""):
        headers.add("return-path", "<>")
    return headers


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


def _is_forged(headers: Headers) -> bool:
    """Whether the gateway's check of the sender failed. Only the topmost results are its own; without any, nothing is known."""
    results = _without_quotes(headers.get("authentication-results").lower())
    dmarc, spf, dkim = (_result(results, method) for method in ("dmarc", "spf", "dkim"))
    spf = spf or headers.get("received-spf").lower().partition(" ")[0] or headers.get("x-mailgun-spf").lower()
    dkim = dkim or headers.get("x-mailgun-dkim-check-result").lower()
    if dmarc in ("pass", "bestguesspass"):
        return False
    if dmarc in _FAILED:
        return True
    return "pass" not in (spf, dkim) and bool(_FAILED & {spf, dkim})


def _without_quotes(results: str) -> str:
    """Results without quoted texts and comments, in which stands what the sender chose."""
    results, before = re.sub(r'"(?:[^"\\]|\\.)*"?', "", results), ""
    while before != results:
        results, before = re.sub(r"\([^()]*\)", "", results), results
    return results


def _result(results: str, method: str) -> str:
    """What ``Authentication-Results`` say of a method, at the beginning of a statement: behind it, addresses may say anything. Of
    several signatures a good one counts."""
    found = re.findall(rf"(?:^|;)\s*{method}(?:/\d+)?\s?=\s?([a-z]{{1,20}})", results)
    return "pass" if "pass" in found else next(iter(found), "")
