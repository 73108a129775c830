"""Every text on every surface it stands on can be read: 4.5 : 1 at least, in both themes (WCAG 1.4.3)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static/css/tokens.css"
LIGHT_DARK = re.compile(r"^\s*--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\);", re.MULTILINE)

SURFACES = ("bg", "bg-1", "bg-2", "accent-bg")
INKS = ("ink", "ink-2", "ink-3", "accent", "crit", "high", "med", "low", "info", "ok", "viol")
PAIRS = [
    *((ink, surface) for ink in INKS for surface in SURFACES),
    *((ink, "bg-3") for ink in ("ink", "ink-2")),
    *((tone, f"{tone}-bg") for tone in ("crit", "high", "med", "low", "info", "ok")),
    ("on-accent", "accent"),
    ("on-crit", "crit"),
    ("ink", "crit-bg"),
    ("ink", "med-bg"),
]


def tokens(theme: int, block: str = "") -> dict[str, str]:
    """The colours of a theme (0 light, 1 dark)."""
    return {name: pair[theme] for name, *pair in LIGHT_DARK.findall(block or TOKENS.read_text())}


def luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "surface"), PAIRS)
def test_text_can_be_read(text, surface, theme):
    plain = TOKENS.read_text().split("@media")[0]
    colours = tokens(["light", "dark"].index(theme), plain)
    assert contrast(colours[text], colours[surface]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1])
def test_who_asks_for_more_contrast_gets_more(theme):
    plain, more = TOKENS.read_text().split("@media (prefers-contrast: more)")
    usual, strong = tokens(theme, plain), tokens(theme, more)
    assert strong
    for name, colour in strong.items():
        assert contrast(colour, usual["bg-1"]) > contrast(usual[name], usual["bg-1"])
