"""What of a stranger's text may be shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.kernel.text import is_blank, seen

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    "value",
    [
        "plain words",
        "خدمة الدفع متوقفة 95%",
        "שירות – 12 דקות",
        "می\u200cخواهم",  # Persian: the joiner's absence shapes the word
        "क्\u200dष",
        "on call: \U0001f469\u200d\U0001f4bb \u2764\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f beats \U0001f1e9\U0001f1ea",
        "葛\U000e0100飾",
        "e\u0301te\u0301",
        "a\u200eb\u200fc",
        "two\n\tlines",
    ],
)
def test_what_people_write_stays_as_it_is(value: str) -> None:
    assert seen(value) == value
    assert not is_blank(value)


@pytest.mark.parametrize("mark", TURNING)
def test_nothing_turns_other_words_round(mark: str) -> None:
    assert seen(f"deploy of {mark}gnp.exe failed") == "deploy of gnp.exe failed"


@pytest.mark.parametrize("mark", ["\u200b", "\u2060", "\ufeff", "\u00ad", "\u2063", "\u206a", "\U000e0041", "\ufff9"])
def test_what_has_no_width_and_no_meaning_is_dropped(mark: str) -> None:
    assert seen(f"pay{mark}ments") == "payments"


@pytest.mark.parametrize(
    "mark",
    [
        "", " ", "\u00a0", "\u3000", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\uffa0", "\u115f", "\u1160",
        "\u200d", "\u200c", "\u200e", "\u061c", "\u180e", "\u034f", "\ufe0f", "\U000e0100", "\u2066", "\u202e", "\u2028",
        "\x00", "\x85",
    ],
)  # fmt: skip
def test_a_text_that_nobody_can_see_is_blank(mark: str) -> None:
    assert is_blank(mark * 3)
    assert is_blank(f" {mark}\u200b{mark} ")
    assert not is_blank(f"{mark}x{mark}")
    assert seen(f"{mark}\u200b{mark}".strip()) == ""


@given(st.text())
def test_what_is_seen_is_stable_and_every_visible_character_stays(value: str) -> None:
    once = seen(value)
    assert seen(once) == once
    assert not any(mark in once for mark in TURNING)
    letters = [c for c in value if unicodedata.category(c) in ("Lu", "Ll", "Nd") or c in " ."]
    if not is_blank(value):
        assert [c for c in once if unicodedata.category(c) in ("Lu", "Ll", "Nd") or c in " ."] == letters
