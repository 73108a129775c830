"""Where keys hide in a request."""

from __future__ import annotations

import base64

import pytest

from aiops.access import credentials


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        ("Bearer k1", ["k1"]),
        ("bearer   k1 ", ["k1"]),
        ("Api-Key k1", ["k1"]),
        (basic("aiops:k1"), ["k1", "aiops"]),
        (basic("k1:"), ["k1"]),
        (basic(":k1"), ["k1"]),
        (basic("user:with:colon"), ["with:colon", "user"]),
        ("", []),
        ("Bearer", []),
        ("Digest k1", []),
        ("Basic not-base64!", []),
        ("Basic /w==", []),
    ],
)
def test_an_authorization_header_holds_these_keys(header: str, keys: list[str]) -> None:
    assert credentials.in_authorization(header) == keys


def test_headers_in_utf_8_and_in_latin_1_are_both_read() -> None:
    assert credentials.text(" Überwachung ".encode().decode("latin-1")) == "Überwachung"
    assert credentials.text("Überwachung") == "Überwachung"
