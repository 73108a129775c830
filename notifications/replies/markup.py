"""The text of an HTML mail: its lines, with quoted ones marked by ``>``, without styles and scripts. Pure.

It takes one pass over the text. Strangers write mails, and parsers of whole documents are slow on crafted input.
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
        "body",
        "section",
    )
)
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9:]{0,30})")
# Where mail programs put the earlier mail without any quotation around it.
_EARLIER = re.compile(
    r"(?:id|class|name)\s?=\s?[\"']?(?:[\w ]{0,40})(?:divRplyFwdMsg|appendonsend|mail-editor-reference-message-container"
    r"|yahoo_quoted|messageReplySection|protonmail_quote|tutanota_quote|zmail_extra|gmail_attr|OLK_SRC_BODY_SECTION|stopSpelling)",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(
    r"&#[xX]?[0-9a-fA-F]{9,}"
)  # no character has one, and Python refuses to read thousands of digits
STRUCK = ("del", "s", "strike")
_HIDES = ("div", "span", "table", "p")
_UNSEEN = re.compile(r"display\s?:\s?none|\shidden(?:[\s>=]|$)|mso-hide\s?:\s?all", re.IGNORECASE)
EARLIER = "-----Original Message-----"


def text_of(page: str) -> str:
    """The lines of *page* as a reader sees them."""
    pieces: list[str] = []
    unclosed: set[str] = set()
    lower = page.lower()
    place, depth, kept = 0, 0, False
    while place < len(page):
        start = page.find("<", place)
        if start < 0:
            break
        pieces.append(_words(page[place:start], kept))
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
        if not closing and name not in unclosed and _hides(name, page, start, end):
            inside = _end_of(name, lower, place)
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
        elif name == "pre":
            kept = not closing
            pieces.append("\n")
        elif name in ("td", "th"):
            pieces.append(" ")
        elif name in _ENDS_LINE:
            pieces.append("\n")
    pieces.append(_words(page[place:]))
    return _lines(pieces)


def _hides(name: str, page: str, start: int, end: int) -> bool:
    """Whether what is inside of a tag is not for readers, or struck out."""
    return (
        name in HIDDEN
        or name in STRUCK
        or (name in _HIDES and bool(_UNSEEN.search(page, start, min(end, start + 500))))
    )


def _end_of(name: str, lower: str, place: int) -> int:
    """Where the tag that was opened before *place* is closed; -1 when it is not."""
    if name in HIDDEN:
        return lower.find(f"</{name}", place)
    depth = 1
    for found in re.compile(rf"<(/?){name}\b").finditer(lower, place):
        depth += -1 if found[1] else 1
        if not depth:
            return found.start()
    return -1


QUOTE, UNQUOTE = "\ue000", "\ue001"  # until the lines are put together: here a quotation begins, here it is over


def _words(text: str, kept: bool = False) -> str:
    """Text between two tags: line ends in the source are blanks, unless they are *kept*."""
    words = html.unescape(_LONG_NUMBER.sub("\N{REPLACEMENT CHARACTER}", text))
    return re.sub(r"[ \t\r\f]+" if kept else r"[ \t\r\n\f]+", " ", words.replace(QUOTE, "").replace(UNQUOTE, ""))


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
