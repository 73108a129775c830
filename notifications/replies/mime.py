"""A mail's headers and texts, with limits that hold before anything is parsed. Pure.

The standard library's parser is quadratic in long recipient headers, deep nests and many boundaries. So this module
looks only at the beginning of a mail, the headers that matter and a limited number of parts; the library parses single
values and decodes single parts.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message

READ = 256 * 1024  # bytes of a mail that are looked at; an answer stands at its beginning
HEAD = 64 * 1024  # bytes of headers
FIELDS = 50  # headers that are kept
VALUE = 1024  # bytes of one
RECIPIENTS = 16 * 1024  # bytes of all recipients together
DEPTH = 8  # of parts in parts
PARTS = 50
TEXT = 64 * 1024  # characters of one text

TO = frozenset(
    ("to", "cc", "delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "x-forwarded-to", "resent-to")
)
_CONTENT = ("content-type", "content-transfer-encoding", "content-disposition")
# Character sets of texts. Others that Python knows (punycode, idna) are no such thing, and slow.
_CHARSET = re.compile(r"(?:utf-?(?:7|8(?:-sig)?|16.*|32.*)|iso8859-\d+|cp\d+|koi8-.|gb.*|big5.*|euc.*|shift_jis.*|iso2022.*"
                      r"|mac-.*|tis-620|hz|johab|ptcp154|kz1048)")  # fmt: skip
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


@dataclass(slots=True)
class Headers:
    """The headers that mean something, by lower-case name, in order. *recipients* are all addresses that it went to, as text."""

    values: dict[str, list[str]] = field(default_factory=dict)
    recipients: str = ""

    def add(self, name: str, value: str) -> None:
        """Keep a header, or what there is room for."""
        name = name.strip().lower()
        if name in TO:
            self.recipients = f"{self.recipients} {value}"[:RECIPIENTS]
        elif sum(map(len, self.values.values())) < FIELDS:
            self.values.setdefault(name, []).append(value[:VALUE].strip())

    def get(self, name: str) -> str:
        """The first header of that name, "" when there is none."""
        return self.values.get(name, [""])[0]

    def words(self, name: str) -> str:
        """The first header of that name with its encoded words in clear."""
        value = self.get(name)
        try:
            pieces = [
                text.decode(charset_of(charset), "replace") if isinstance(text, bytes) else text
                for text, charset in decode_header(value)
            ]
        except (HeaderParseError, ValueError):
            return value
        return "".join(pieces)[:VALUE]


@dataclass(frozen=True, slots=True)
class Part:
    """A part that holds no others: its type in lower case, whether it is an attachment, and the ``method`` of a calendar's."""

    type: str
    attached: bool
    method: str
    text: str


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The headers and the body of a mail, as far as they are looked at."""
    raw = raw[:READ].lstrip(b"\r\n")
    if raw.startswith(b"From "):  # as a pipe of Postfix gives it
        raw = raw.partition(b"\n")[2]
    if raw[:1] in (b"\r", b"\n"):
        return b"", raw
    found = _END_OF_HEAD.search(raw)
    return (raw[: found.start()][:HEAD], raw[found.end() :]) if found else (raw[:HEAD], b"")


def headers(head: bytes, wanted: Iterable[str]) -> Headers:
    """Of the headers in *head* those of recipients, of the content, and *wanted* (lower case)."""
    names = {*wanted, *_CONTENT}
    found = Headers()
    name, value, size = "", [""], 0
    for line in [*head[:HEAD].split(b"\n"), b":"]:
        if line[:1] in (b" ", b"\t"):
            if name and size < RECIPIENTS:
                value.append(_plain(line))
                size += len(line)
            continue
        if name:
            found.add(name, "".join(value))
        start, colon, rest = line.partition(b":")
        name = start[:100].decode("ascii", "replace").strip().lower() if colon else ""
        name = name if name in names or name in TO else ""
        value, size = [_plain(rest)], len(rest)
    return found


def parts(about: Headers, body: bytes) -> Sequence[Part]:
    """The parts of a body that hold no others, at most :data:`PARTS`."""
    found: list[Part] = []
    for part in _walk(about, body, 0):
        found.append(part)
        if len(found) == PARTS:
            break
    return found


def charset_of(name: str | None) -> str:
    """The codec of a character set, or UTF-8 for what is none."""
    try:
        codec = codecs.lookup((name or "utf-8")[:50]).name
    except (LookupError, ValueError):
        return "utf-8"
    return codec if _CHARSET.fullmatch(codec) else "utf-8"


def _walk(about: Headers, body: bytes, depth: int) -> Iterator[Part]:
    content = Message()
    for name in _CONTENT:
        if value := about.get(name):
            content[name] = value.replace("\r", " ").replace("\n", " ")
    try:
        kind, boundary = content.get_content_type(), content.get_boundary()
    except (MessageError, ValueError, LookupError):
        kind, boundary = "text/plain", None
    if kind.startswith("multipart/") and boundary and depth < DEPTH:
        yield Part(kind, False, "", "")
        for piece in _pieces(body, boundary):
            head, inner = split(piece) if piece[:1] not in (b"\r", b"\n") else (b"", piece.lstrip(b"\r\n"))
            yield from _walk(headers(head, ()), inner, depth + 1)
    else:
        yield _leaf(content, kind, body)


def _pieces(body: bytes, boundary: str) -> Iterator[bytes]:
    """What stands between the lines of *boundary*."""
    line = re.compile(rb"^--%b(--)?[ \t]*\r?$" % re.escape(boundary.encode("utf-8", "replace")[:200]), re.MULTILINE)
    start = None
    for count, found in enumerate(line.finditer(body)):
        if start is not None:
            yield body[start : found.start()]
        if found[1] or count >= PARTS:
            return
        start = found.end() + 1
    if start is not None:
        yield body[start:]  # cut off on the way


def _leaf(content: Message, kind: str, body: bytes) -> Part:
    try:
        attached = content.get_content_disposition() == "attachment" or content.get_filename() is not None
        method = str(content.get_param("method") or "").lower()
        charset = content.get_content_charset()
    except (MessageError, ValueError, LookupError, TypeError):
        attached, method, charset = False, "", None
    if not kind.startswith("text/") or attached:
        return Part(kind, attached, method, "")
    content.set_payload(body.decode("ascii", "surrogateescape"))
    payload = content.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    return Part(kind, attached, method, _decoded(raw[: TEXT * 4], charset)[:TEXT])


def _decoded(raw: bytes, charset: str | None) -> str:
    """The text of *raw*, whatever its character set claims to be."""
    codec = charset_of(charset)
    for attempt in dict.fromkeys((codec, "utf-8", "cp1252")):
        try:
            return raw.decode(attempt)
        except (UnicodeDecodeError, UnicodeError, ValueError):
            continue
    return raw.decode(codec, "replace")


def _plain(raw: bytes) -> str:
    return raw.rstrip(b"\r").decode("utf-8", "replace")
