"""Lenient reading of strangers' JSON values: clean texts, instants, numbers, labels and links. Pure; knows no sender.

Every value that leaves this module can be stored and shown: no NUL, no control characters, no lone surrogates, no
characters that turn text round, no naive time, nothing longer than asked. A value that can't be used is left out with a
warning that names the field's path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiops.kernel.text import seen
from incidents.ingest.sources.body import dump, type_name

# Lengths in characters; those of columns are the columns' own (pinned by a test).
TITLE = 500
DESCRIPTION = 10_000
NAME = 200
KUBERNETES_NAME = 253
KIND = 100
WORD = 64
LABEL_NAME = 200
LABEL_VALUE = 1_000
LABELS = 100
LINKS = 20
HREF = 2_000
WARNING = 300
WARNINGS = 20

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and line feed
_SURROGATES = re.compile(r"[\ud800-\udfff]")
CHANGED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # what no key may hold, and what breaks lines
_EPOCH = re.compile(
    r"\d{10,}(\.\d+)?", re.ASCII
)  # digits that are a number, not a date; also with a fraction, as Icinga writes
_HREF = re.compile(r"https?://[^\s/?#\\]\S*", re.IGNORECASE)
OLDEST = (
    2000  # a year: no alert is older, and whatever stands for "no time" is (year 1, 1900, the zeros of Unix and MySQL)
)
# How those begin when they are written out: the sender means nothing by them, so there is nothing to warn of.
_NO_TIME = ("0001-01-01", "0000-", "1970-01-01", "1969-12-31", "1900-01-01", "1899-12-3")
# Links that a sender names, also as labels, annotations and details.
NAMED_LINKS = (
    ("runbook_url", "Runbook"), ("runbook", "Runbook"), ("dashboard_url", "Dashboard"), ("dashboard", "Dashboard"),
    ("dashboardURL", "Dashboard"),
)  # fmt: skip


# --- text -----------------------------------------------------------------------------------------------------------
def text(value: str, limit: int) -> str:
    """*value* without control characters (line feeds and tabs stay) and lone surrogates, trimmed, cut with an ellipsis."""
    value = value.strip() if value.isascii() and value.isprintable() else seen(clean(value)).strip()
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


def line(value: str, limit: int) -> str:
    """As :func:`text`, on one line: every run of white space that holds a break is one space."""
    value = value.strip() if value.isascii() and value.isprintable() else " ".join(seen(clean(value)).split())
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


def clean(value: str) -> str:
    """*value* without control characters but line feed and tab; each lone surrogate becomes U+FFFD."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", value))


def plain(value: object) -> str:
    """A JSON scalar as text ("" for null); an object or list as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return dump(value).decode()


# --- numbers and instants -------------------------------------------------------------------------------------------
def number(value: object) -> float | int | None:
    """A finite number, also when written as text; None for all else. Whole numbers beyond 2^53 come back as floats."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(found):
        return None
    return value if isinstance(value, int) and abs(value) <= 2**53 else found


def instant(value: object) -> datetime | None:
    """An instant, aware, in UTC; None when absent, unreadable, or not between 2000 and 2200 (zeros are year 1, 1900 or 1970).

    RFC 3339 and its relatives (``Z``, ``+0000``, nanoseconds, a space for the ``T``, no zone at all: UTC), or seconds, milli-,
    micro- or nanoseconds since 1970, as number or digits, told by their size.
    """
    if isinstance(value, str):
        if len(value) > WORD:
            return None
        value = value.strip().upper()
        if not _EPOCH.fullmatch(value):
            return _from_iso(value)
    epoch = number(value)
    if epoch is None:
        return None
    # 2001-09-09 … 2096-10-02 in seconds; each finer unit is the same window a thousand times further up.
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if 1_000_000_000 <= epoch / unit < 4_000_000_000:
            return datetime.fromtimestamp(epoch / unit, UTC)
    return None


def _from_iso(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        # Some clients append a Z to a time that has its offset already; people write the zone's name.
        for suffix in ("Z", " UTC", " GMT"):
            if value.endswith(suffix):
                return _from_iso(value.removesuffix(suffix))
        return None
    if not OLDEST <= found.year <= 2200:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


# --- objects --------------------------------------------------------------------------------------------------------
class Fields:
    """A sender's JSON object, read by name and type. *path* is its place in the body ("alerts[2]."), *warnings* what was ignored.

    Each reader takes the first of several *names* that holds something; a value of the wrong type is passed over with a warning.
    """

    __slots__ = ("data", "path", "warnings")

    def __init__(self, data: Mapping[str, Any], path: str = "", warnings: list[str] | None = None) -> None:
        self.data = data
        self.path = path
        self.warnings: list[str] = [] if warnings is None else warnings

    def child(self, name: str) -> Fields:
        """The object at *name*, sharing the warnings; an empty one when there is none."""
        value = self.data.get(name)
        if not isinstance(value, dict):
            if value is not None:
                self.ignored(name, value, "an object")
            value = {}
        return Fields(value, f"{self.path}{name}.", self.warnings)

    def line(self, *names: str, limit: int = NAME) -> str:
        """One line of text (a number counts as text), "" when there is none."""
        data = self.data
        for name in names:
            value = data.get(name)
            if value is None:
                continue
            if isinstance(value, str):
                if found := line(value, limit):
                    return found
            elif isinstance(value, int | float) and not isinstance(value, bool):
                return line(str(value), limit)
            else:
                self.ignored(name, value, "a text")
        return ""

    def text(self, *names: str, limit: int = DESCRIPTION) -> str:
        """Text of several lines; objects and lists as JSON, since a description of any shape is worth keeping."""
        for name in names:
            value = self.data.get(name)
            if value is not None and (found := text(plain(value), limit)):
                return found
        return ""

    def instant(self, *names: str) -> datetime | None:
        """An instant; one that is there but can't be read is passed over with a warning."""
        for name in names:
            value = self.data.get(name)
            if value is None or value == "":
                continue
            if (found := instant(value)) is not None:
                return found
            if value not in (0, "0") and not str(value)[:16].startswith(_NO_TIME):
                self.warn(f"{self.path}{name}: “{line(plain(value), WORD)}” is not a time that can be read, ignored")
        return None

    def number(self, *names: str) -> float | int | None:
        """A finite number, also when written as text."""
        for name in names:
            if (found := number(self.data.get(name))) is not None:
                return found
        return None

    def ignored(self, name: str, value: object, expected: str) -> None:
        """Note that *name* was passed over for its type."""
        self.warn(f"{self.path}{name}: expected {expected}, got {type_name(value)}, ignored")

    def warn(self, warning: str) -> None:
        """Note something that the sender should know, once; at most as many as anyone reads."""
        warning = line(warning, WARNING)
        if len(self.warnings) < WARNINGS and warning not in self.warnings:
            self.warnings.append(warning)


def labels(value: Mapping[str, Any], fields: Fields) -> dict[str, str]:
    """Any object as text → text: scalars as text, nulls dropped, the rest as JSON; what is too long is cut, with a warning in
    *fields*. All of them, since any may decide something; :func:`kept` is for what is stored."""
    found: dict[str, str] = {}
    for name, content in value.items():
        if content is None:
            continue
        if type(content) is not str:
            content = plain(content)
        if len(content) > LABEL_VALUE:
            fields.warn(f"{fields.path}labels: the value of “{line(name, WORD)}” is cut to {LABEL_VALUE} characters")
        if not (name.isascii() and name.isprintable()) or len(name) > LABEL_NAME:
            name = line(name, LABEL_NAME)
        if name:
            found[name] = text(content, LABEL_VALUE)
    return found


def kept(labels: dict[str, str], fields: Fields, deciding: Container[str]) -> dict[str, str]:
    """As many of *labels* as are stored, those that decide something before all others; *fields* is warned of the rest."""
    if len(labels) <= LABELS:
        return labels
    fields.warn(f"{fields.path}labels: only the first {LABELS} of {len(labels)} are kept as labels")
    first = sorted(labels, key=lambda name: name not in deciding)[:LABELS]
    return {name: labels[name] for name in first}


def link(href: object, label: str) -> dict[str, str] | None:
    """A link that is safe to show: absolute http(s) only, so never ``javascript:``."""
    if not isinstance(href, str):
        return None
    href = href.strip()
    if len(href) > HREF or not href.isprintable() or not _HREF.fullmatch(href):
        return None
    return {"href": href, "text": line(label, NAME) or href[:NAME]}


def named_links(*said: Mapping[str, Any]) -> list[tuple[object, str]]:
    """The links that stand under well-known names in any of several objects, for :func:`links`."""
    return [(one[name], label) for name, label in NAMED_LINKS for one in said if name in one]


def links(candidates: Iterable[tuple[object, str]]) -> tuple[dict[str, str], ...]:
    """The usable ones of (href, label) pairs, each address once."""
    found: dict[str, dict[str, str]] = {}
    for href, label in candidates:
        if href and (made := link(href, label)) is not None and len(found) < LINKS:
            found.setdefault(made["href"], made)
    return tuple(found.values())


def objects(value: object) -> Sequence[dict[str, Any]]:
    """The objects in a list; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
