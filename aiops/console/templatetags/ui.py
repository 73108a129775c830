"""Template tags and filters of the console: severity and status marks, times, people, static files with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.kernel.clock import rfc3339
from aiops.kernel.text import seen
from incidents.choices import Priority, Severity

register = template.Library()


@register.simple_tag
def asset(path: str) -> str:
    """The URL of a static file, with a fingerprint of its content, so that a browser never shows an old one after an upgrade."""
    return f"{static(path)}?{_fingerprint(path)}"


@cache
def _fingerprint(path: str) -> str:
    found = finders.find(path)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:10] if found else "missing"


@register.simple_tag
def severity(value: int, extra: str = "") -> SafeString:
    """The mark of a severity: shape and letter, with the word for those who can't see it."""
    return _severity(int(value), extra)


@cache
def _severity(value: int, extra: str) -> SafeString:
    level = Severity(value)
    return render_to_string("ui/severity.html", {"word": level.word, "label": level.label, "extra": extra})


@register.filter
def severity_word(value: int) -> str:
    """``critical``, ``high``, …"""
    return Severity(int(value)).word


@register.simple_tag
def priority(value: int) -> SafeString:
    """``P1`` … ``P4``."""
    return _priority(int(value))


@cache
def _priority(value: int) -> SafeString:
    label = Priority(value).label
    return format_html('<span class="prio {}">{}</span>', label.lower(), label)


@register.simple_tag
def when(value: datetime | None, style: str = "ago") -> SafeString | str:
    """A point in time, absolute in the reader's zone; the browser makes some of them relative and lets them tick.

    Styles: ``ago`` (4 min), ``past`` (4 min ago), ``until`` (in 3:20), ``clock`` (18:00, with the day unless it is today),
    ``stamp`` (15:38:02), ``full`` (20 Nov 2026, 15:38:02 UTC).
    """
    if value is None:
        return ""
    local = timezone.localtime(value)
    text = local.strftime(_TEXT[style])
    return format_html('<time datetime="{}" data-time="{}">{}</time>', rfc3339(value, timespec="seconds"), style, text)


_TEXT = {
    "ago": "%-d %b %H:%M",
    "past": "%-d %b %H:%M",
    "until": "%-d %b %H:%M",
    "clock": "%-d %b %H:%M",
    "stamp": "%H:%M:%S",
    "full": "%-d %b %Y, %H:%M:%S %Z",
}


@register.filter
def visible(value: object) -> str:
    """A stranger's text as one that can be seen: what turns other text round is left out, and blank is said to be so."""
    return seen(str(value)).strip() or "(no visible text)"


@register.filter
def initials(name: str) -> str:
    """Two letters for a person: ``Ana Moreau`` → ``AM``, ``ana`` → ``AN``."""
    words = [word for word in name.replace(".", " ").replace("_", " ").replace("-", " ").split() if word[0].isalnum()]
    letters = words[0][:2] if len(words) == 1 else "".join(word[0] for word in words[:2])
    return letters.upper() or "?"


@register.filter
def compact(value: int) -> str:
    """A count in at most five characters: 950, 1.2k, 18k, 1.4M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{unit}" if scaled < 10 else f"{scaled:.0f}{unit}"
    return str(value)


@register.filter
def as_json(value: Any) -> str:
    """*value* for an ``hx-headers`` or ``hx-vals`` attribute (the template escapes it)."""
    return json.dumps(value)


@register.simple_tag
def share(part: int, whole: int, width: int = 100) -> str:
    """How much of *width* a bar of *part* out of *whole* takes; what is not nothing stays visible."""
    if not part or not whole:
        return "0"
    return f"{max(part / whole * width, width * 0.015):.2f}"
