"""Decision records: each says when, whether it holds, why, what and what follows, and stands in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("part", ["Date", "Status", "Context", "Decision", "Consequences"])
def test_every_decision_record_has_its_parts(part: str) -> None:
    assert not [page.name for page in RECORDS if f"**{part}.**" not in page.read_text()]


def test_every_decision_record_has_a_number_of_its_own_and_is_in_the_index_under_its_title() -> None:
    index = dict(
        re.findall(
            r"^\| \[\d+\]\((\S+?)\) \| (.+?) \| \d{4}-\d\d-\d\d \| .+ \|$", (FOLDER / "README.md").read_text(), re.M
        )
    )
    titles = {}
    for page in RECORDS:
        number, title = re.match(r"# (\d+)\. (.+)", page.read_text()).groups()
        assert page.name.startswith(f"{int(number):04d}-"), page.name
        titles[page.name] = title
    assert index == titles
    assert len({name[:4] for name in titles}) == len(titles)
