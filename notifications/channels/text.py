"""Texts of strangers, made fit for a provider: one line, clipped, escaped. Pure."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Callable
from urllib.parse import urlsplit

from aiops.kernel.text import seen
from notifications.channels.contracts import Answer, IncidentFacts, Message

# What a colour can say beside the word; the same hues as in the console.
COLOURS = {"critical": "#d92d20", "high": "#e8590c", "medium": "#b7791f", "low": "#2f6fd6", "info": "#667085"}
OVER = "#2f9e44"
REFERENCES = 4  # links beside the incident's own page

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_BREAKS = re.compile(r"\r\n|[\r\u0085\u2028\u2029]")
_URL = re.compile(r"https?://[^\s<>()\[\]`|\\*]+")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>~|#$])")
_EMOJI = re.compile(r":(?=(?:[0-9_+\-]*[A-Za-z][A-Za-z0-9_+\-]*|100|1234|[+\-]1):)")  # not the time in 10:30:45
_BEGINS = re.compile(r"^([ \t]*)([-+=]|\d+(?=[.)]))", re.MULTILINE)  # a list, or what makes a heading of the line above
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def line(text: str, limit: int = 0) -> str:
    """*text* as one line, clipped to *limit* if that is given. It has no control characters (so that no header can be injected)
    and nothing that turns other text round or cannot be seen."""
    single = seen(_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROL.sub(" ", text))).strip()
    return clip(single, limit) if limit else single


def block(text: str, limit: int = 0) -> str:
    """The same with its line breaks."""
    unified = _CONTROL_BUT_BREAKS.sub("", _BREAKS.sub("\n", text))
    clean = seen(_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", unified)).strip()
    return clip(clean, limit) if limit else clean


def clip(text: str, limit: int) -> str:
    """At most *limit* characters, the last three dots if something was cut: an ellipsis would make a text message dearer."""
    return text if len(text) <= limit else text[: max(0, limit - 3)].rstrip() + "..."[:limit]


def clip_bytes(text: str, limit: int) -> str:
    """At most *limit* bytes of UTF-8, never half a character."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore").rstrip() + "..."


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


def opening(message: Message) -> Answer | None:
    """The way to the incident's own page; of a digest it says to whose."""
    if message.incident is None:
        return None
    label = f"Open {line(message.incident.name, 60)}" if message.others else "Open"
    return Answer("open", label, message.incident.url)


def taken(message: Message) -> bool:
    """Whether somebody has all that *message* asks about, so that there is nothing to acknowledge."""
    told = incidents(message)
    return bool(told) and message.covers <= len(told) and all(each.status != "open" for each in told)


def answered(message: Message, things: str = "") -> str:
    """What an answer to *message* counts for, where that is not the one thing it tells of; *things* is what they are called."""
    if message.covers > 1:
        counted = " ".join(filter(None, ["all", str(message.covers), things]))
        return f"{counted} that are not over" if _tells_of_ends(message) else counted
    return line(message.incident.name, 60) if message.covers and message.others and message.incident else ""


def _tells_of_ends(message: Message) -> bool:
    return any(each.status in ("resolved", "closed") for each in incidents(message))


def footer(message: Message) -> str:
    """What stands in small print: the delivery's id, and that it may have come twice."""
    return f"{message.delivery_id} · may be a repeat" if message.maybe_twice else message.delivery_id


def markdown(text: str) -> str:
    """*text* so that Markdown shows it as it is. URLs stay, and nobody can be called by an "@"."""
    pieces, end = [], 0
    for found in _URL.finditer(text):
        pieces += [_markdown(text[end : found.start()]), found.group()]
        end = found.end()
    escaped = "".join([*pieces, _markdown(text[end:])])
    escaped = _BEGINS.sub(_as_text, escaped)
    return _INDENT.sub(lambda found: "\u00a0" * len(found[0]), escaped)  # four blanks would make code of a line


def markdown_links(message: Message) -> str:
    """The answers, the runbook and the like as links in Markdown; "" when there are none."""
    found = [*message.answers, *references(message)]
    return " · ".join(f"[{_markdown(line(each.label))}]({_bracketed(each.url)})" for each in found)


def references(message: Message) -> list[Answer]:
    """What there is to read about the incident: its runbook and dashboards, each once, without what is no link. A digest has
    none: nobody could tell whose they are."""
    if message.incident is None or message.others:
        return []
    found = [Answer("runbook", "Runbook", message.incident.runbook_url)]
    found += [Answer("link", line(label, 40) or "Link", url) for label, url in message.incident.links]
    by_url: dict[str, Answer] = {}
    for each in found:
        if is_link(each.url):
            by_url.setdefault(each.url, each)
    return list(by_url.values())[:REFERENCES]


def unsaid(message: Message) -> list[Answer]:
    """The same without those whose address stands in the text, where a reader can follow it."""
    return [each for each in references(message) if each.url not in message.text]


def is_link(url: str) -> bool:
    """Whether *url* is an http(s) address that can be followed."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f\x7f]", url)
    except ValueError:
        return False


def is_public(url: str) -> bool:
    """Whether *url* is at a name of the world. Some providers refuse a whole message for a button or a title that leads to
    ``localhost``, to a name without a dot or to an address."""
    if not is_link(url):
        return False
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))
    return False


def _bracketed(url: str) -> str:
    """*url* so that no bracket in it ends a Markdown link."""
    return url.replace("(", "%28").replace(")", "%29")


def _markdown(text: str) -> str:
    return without_emoji(_MARKDOWN.sub(r"\\\1", text)).replace("@", "@\u200b")


def without_emoji(text: str) -> str:
    """*text* in which no word between colons becomes a picture."""
    return _EMOJI.sub(":\u200b", text)


def _as_text(found: re.Match[str]) -> str:
    blanks, mark = found.groups()
    return f"{blanks}{mark}\\" if mark.isdecimal() else f"{blanks}\\{mark}"  # "1." begins a list, "1\." does not
