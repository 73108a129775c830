"""What hiding secrets may cost: linear in the body, whatever it holds."""

from __future__ import annotations

import pytest

from aiops.kernel.redaction import redact
from tests.limits.budget import cpu_budget

SIZE = 4_000_000


@pytest.mark.parametrize(
    "piece",
    [
        b"token",
        b'"token":',
        b'token"',
        b'"',
        b"\\",
        b"token:\\",
        b"://",
        b"://a:",
        b"bearer ",
        b"a:",
        b"token+",
        b'"\\a',
        b"/in/",
    ],
)
def test_the_largest_body_of_one_repeated_piece(piece: bytes) -> None:
    body = (piece * (SIZE // len(piece) + 1))[:SIZE]
    with cpu_budget(6):
        redact(body)
        redact(b'token="' + body)
