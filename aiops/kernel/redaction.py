"""Redaction: secrets in bodies that could not be read are hidden before a body is stored or shown.

No parser understood the body, so there are no fields to go by. A secret is recognised by the name before it (in JSON,
forms, queries, headers, XML and multipart) and by the shape of our own keys.
"""

from __future__ import annotations

import codecs
import re

HIDDEN = b"***"

_NAMES = rb"""(?:
    (?:routing|service|integration|api|access|private|signing|license|account|app|application|ingest|source|shared|write)
        [_\-.\ ]?key
  | secret | token | passw(?:or)?d | passphrase | \bpwd | authorization | credential | cookie
)"""
_QUOTE = rb"""(?:\\*["']|%22|%27|&quot;)"""
_BLANK = rb"(?:\s|\+|%20){0,4}"
# No part of this can be matched in two ways: the time is linear in the body.
_NAMED = re.compile(
    rb"(?P<name>"
    + _NAMES
    + rb"""[\w.\-]{0,20}+(?P<quoted>"""
    + _QUOTE
    + rb"""?)
    (?:"""
    + _BLANK
    + rb"(?::|=|>|%3A|%3D)"
    + _BLANK
    + rb"""|\r?\n\r?\n)) (?:\[\s{0,4})?
    (?: "(?P<text>(?:[^"\\]|\\.)*+)
      | '(?P<single>[^']*+)
      | \\++"(?P<inner>[^"\\]*+)
      | %22(?P<form>[^%&]*+)
      | &quot;(?P<xml>[^&]*+)
      | (?P<bare>(?:(?:bearer|basic|api-key|token)[ +]++)?[^\s,;&"'<>{}\[\]\\]++)
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SCHEMED = re.compile(rb"\b((?:bearer|basic|api-key)[ +]+)[\w.~+/=\-]{8,}+", re.IGNORECASE)
_OURS = re.compile(rb"\bak_[0-9a-f]{32}\b|(?<=/in/)[\w\-]{16,}+", re.IGNORECASE)
_USERINFO = re.compile(rb"(?<=://)[^/\s@\"'<>:]{0,100}+:[^/\s@\"'<>]{1,200}+(?=@)")
_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)
_NOTHING = (b"null", b"true", b"false", b"none", b"undefined")


def redact(raw: bytes) -> bytes:
    """*raw* with the values of what is named like a secret replaced by ``***``; JSON stays JSON.

    UTF-16 and UTF-32 (by their byte order mark) become UTF-8, so that the names are found.
    """
    body = _utf8(raw)
    for pattern in (_SCHEMED, _OURS, _USERINFO):
        body = pattern.sub(lambda found: (found.group(1) if found.re.groups else b"") + HIDDEN, body)
    return _NAMED.sub(_hidden, body)


def _hidden(found: re.Match[bytes]) -> bytes:
    kind = found.lastgroup or "bare"
    value = found.group(kind)
    if not value or value.lower() in _NOTHING:
        return found.group()
    kept = found.group()[: found.start(kind) - found.start()]
    return kept + (b'"%s"' % HIDDEN if kind == "bare" and found.group("quoted") == b'"' else HIDDEN)


def _utf8(raw: bytes) -> bytes:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace").encode()
    return raw
