"""Texts of strangers, made fit for a provider: one line, clipped, escaped. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from notifications.contracts import IncidentFacts, Message

# What a colour can say beside the word; the same hues as in the console.
COLOURS = {"critical": "#d92d20", "high": "#e8590c", "medium": "#b7791f", "low": "#2f6fd6", "info": "#667085"}
OVER = "#2f9e44"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
_URL = re.compile(r"https?://[^\s<>()\[\]`|\\*]+")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>~|#])")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def line(text: str, limit: int = 0) -> str:
    """*text* as one line without control characters (so that no header can be injected), clipped to *limit* if that is given."""
    single = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROL.sub(" ", text)).strip()
    return clip(single, limit) if limit else single


def block(text: str, limit: int = 0) -> str:
    """*text* with its line breaks, without other control characters, clipped to *limit* characters if that is given."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    clean = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROL_BUT_BREAKS.sub("", unified)).strip()
    return clip(clean, limit) if limit else clean


def clip(text: str, limit: int) -> str:
    """At most *limit* characters, the last one an ellipsis if something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def clip_bytes(text: str, limit: int) -> str:
    """At most *limit* bytes of UTF-8, never half a character."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore").rstrip() + "…"


def fit(text: str, limit: int, escape: Callable[[str], str]) -> str:
    """*text* escaped, and clipped so that this has at most *limit* characters: never half an escape."""
    if len(whole := escape(text)) <= limit:
        return whole
    longest = bisect_right(range(1, len(text)), limit, key=lambda length: len(escape(clip(text, length))))
    return escape(clip(text, max(1, longest)))


def colour(message: Message) -> str:
    """The colour beside a message: of its severity, green when it says that it is over."""
    if message.event == "resolve":
        return OVER
    return COLOURS.get(message.incident.severity.lower(), COLOURS["info"]) if message.incident else COLOURS["info"]


def incidents(message: Message) -> tuple[IncidentFacts, ...]:
    """The incidents that a message is about, its own first."""
    return (message.incident, *message.others) if message.incident else message.others


def footer(message: Message) -> str:
    """What stands in small print: the delivery's id, and that it may have come twice."""
    return f"{message.delivery_id} · may be a repeat" if message.maybe_twice else message.delivery_id


def markdown(text: str) -> str:
    """*text* so that Markdown shows it as it is. URLs stay, and nobody can be called by an "@"."""
    pieces, end = [], 0
    for found in _URL.finditer(text):
        pieces += [_markdown(text[end : found.start()]), found.group()]
        end = found.end()
    return "".join([*pieces, _markdown(text[end:])])


def markdown_links(message: Message) -> str:
    """The answers as links in Markdown; "" when there are none."""
    return " · ".join(f"[{_markdown(line(answer.label))}]({answer.url})" for answer in message.answers)


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text).replace("@", "@\u200b")
