"""Texts of strangers, made fit to be shown among our own: no characters that turn text round or that nobody can see.
Pure.

The template or channel that shows a text escapes it, and treats control characters.
"""

from __future__ import annotations

import re

# Embeddings, overrides and isolates: they reorder what stands around them, up to the end of the paragraph and thus in our words
# too. Right-to-left scripts need none of them; the plain marks (U+200E, U+200F, U+061C) reach only their neighbours and stay.
_TURNING = "\u202a-\u202e\u2066-\u2069"
# No width and no meaning inside a text. Joiners (U+200C, U+200D) shape Persian, Indic scripts and emoji, and selectors choose
# a glyph: they stay.
_UNSEEN = (
    "\u00ad\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff"
)
# The flags of England, Scotland, Wales: a black flag spelled out in tag characters, which are unseen anywhere else.
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,8}\U000e007f"
_DROPPED = re.compile(f"({_FLAG})|[{_TURNING}{_UNSEEN}]")

# What shows nothing when it stands alone: blanks, controls, marks, selectors, fillers, and the Braille pattern without dots.
_BLANK = re.compile(
    rf"[\s\x00-\x1f\x7f-\x9f{_TURNING}{_UNSEEN}\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\U00016fe4\U0001d159\U000e0100-\U000e0fff]*"
)


def seen(value: str) -> str:
    """*value* without what turns other text round and what cannot be seen; "" when nothing of it can be seen.

    Right-to-left words, emoji sequences and joiners stay as they are.
    """
    if not value.isprintable():  # all that is dropped is not printable
        value = _DROPPED.sub(r"\1", value)
    return "" if is_blank(value) else value


def is_blank(value: str) -> bool:
    """Whether a reader of *value* would see nothing at all."""
    return _BLANK.fullmatch(value) is not None


def storable(value: str, longest: int) -> str:
    """*value* as a column takes it: without NUL, lone surrogates as U+FFFD, at most *longest* characters."""
    plain = value.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
