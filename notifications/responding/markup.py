"""The text of a mail that is HTML only: its lines, quoted ones marked with ``>``, without styles and scripts. Pure.

One pass over the text, whatever it holds: mails are written by strangers, and parsers of whole documents are slow on what
is made up to be slow.
"""

from __future__ import annotations

import html
import re

HIDDEN = ("head", "style", "script", "title", "template")  # what is inside is not for readers
_ENDS_LINE = frozenset(
    (
        "br",
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "tr",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "pre",
        "body",
        "section",
    )
)
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9:]{0,30})")
# Where mail programs put the earlier mail without any quotation around it.
_EARLIER = re.compile(
    r"(?:id|class|name)\s?=\s?[\"']?(?:[\w ]{0,40})(?:divRplyFwdMsg|appendonsend|mail-editor-reference-message-container"
    r"|yahoo_quoted|messageReplySection|protonmail_quote|tutanota_quote|zmail_extra|OLK_SRC_BODY_SECTION|stopSpelling)",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(
    r"&#[xX]?[0-9a-fA-F]{9,}"
)  # no character has one, and Python refuses to read thousands of digits
EARLIER = "-----Original Message-----"


def text_of(page: str) -> str:
    """The lines of *page* as a reader sees them."""
    pieces: list[str] = []
    unclosed: set[str] = set()
    lower = page.lower()
    place, depth = 0, 0
    while place < len(page):
        start = page.find("<", place)
        if start < 0:
            break
        pieces.append(_words(page[place:start]))
        comment = page.startswith("<!--", start)
        end = page.find("-->" if comment else ">", start)
        if end < 0:
            if not comment:
                pieces.append(_words(page[start:]))
            return _lines(pieces)
        place = end + (3 if comment else 1)
        named = None if comment else _NAME.match(page, start + 1)
        if named is None:
            continue
        name, closing = named[1].lower(), page[start + 1] == "/"
        if name in HIDDEN and not closing and name not in unclosed:
            inside = lower.find(f"</{name}", place)
            if inside < 0:
                unclosed.add(name)
            else:
                place = inside
            continue
        if name == "blockquote":
            depth = max(0, depth + (-1 if closing else 1))
            pieces.append(f"\n{'>' * min(depth, 5)}{QUOTE if depth else UNQUOTE}")
        elif not closing and _EARLIER.search(page, start, min(end, start + 500)):
            pieces.append(f"\n{EARLIER}\n")
        elif name in ("td", "th"):
            pieces.append(" ")
        elif name in _ENDS_LINE:
            pieces.append("\n")
    pieces.append(_words(page[place:]))
    return _lines(pieces)


QUOTE, UNQUOTE = "\ue000", "\ue001"  # until the lines are put together: here a quotation begins, here it is over


def _words(text: str) -> str:
    """Text between two tags: line ends in the source are blanks."""
    words = html.unescape(_LONG_NUMBER.sub("\N{REPLACEMENT CHARACTER}", text))
    return re.sub(r"[ \t\r\n\f]+", " ", words.replace(QUOTE, "").replace(UNQUOTE, ""))


def _lines(pieces: list[str]) -> str:
    lines: list[str] = []
    quoted = False
    for line in "".join(pieces).split("\n"):
        if QUOTE in line:
            quoted = True
        elif UNQUOTE in line:
            quoted = False
        clean = line.lstrip(">").replace(QUOTE, "").replace(UNQUOTE, "") if QUOTE in line or UNQUOTE in line else line
        lines.append(f"> {clean.strip()}" if quoted else clean.strip())
    return "\n".join(lines)
