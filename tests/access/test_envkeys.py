"""Keys in the environment: what is read, what is refused, and that nothing shows a key."""

from __future__ import annotations

import pytest

from aiops.access import envkeys
from aiops.access.actors import Role


@pytest.mark.parametrize(
    ("entry", "raw", "role"),
    [
        ("s3cret:viewer", "s3cret", Role.VIEWER),
        ("s3cret:operator", "s3cret", Role.OPERATOR),
        ("s3cret:Admin", "s3cret", Role.ADMIN),
        (" s3cret : operator ", "s3cret", Role.OPERATOR),
        ("with:colon:viewer", "with:colon", Role.VIEWER),
        ("s3cret", "s3cret", Role.ADMIN),
    ],
)
def test_an_entry_is_key_and_role(entry: str, raw: str, role: Role) -> None:
    (key,) = envkeys.parse([entry])
    assert (key.raw, key.role) == (raw, role)
    assert envkeys.problems([entry]) == []


@pytest.mark.parametrize("entry", ["s3cret:operatr", "s3cret:", "with:colon", ":admin", " :viewer"])
def test_an_entry_that_cannot_be_read_opens_nothing_and_is_named_by_its_place(entry: str) -> None:
    assert envkeys.parse(["good-key:viewer", entry])[1:] == []
    (problem,) = envkeys.problems(["good-key:viewer", entry])
    assert problem.startswith("Entry 2 ")
    assert "s3cret" not in problem


def test_of_a_key_that_stands_there_twice_the_first_counts() -> None:
    entries = ["same:viewer", "other:viewer", "same:admin"]
    assert [(key.raw, key.role) for key in envkeys.parse(entries)] == [("same", Role.VIEWER), ("other", Role.VIEWER)]
    assert envkeys.problems(entries) == ["Entry 3 repeats the key of entry 1, which counts."]


def test_the_name_of_a_key_is_stable_tells_keys_apart_and_gives_nothing_away() -> None:
    (one,) = envkeys.parse(["s3cret:operator"])
    (moved, other) = envkeys.parse(["another:operator", "s3cret:operator"])
    assert one.name == other.name != moved.name
    assert one.name.startswith("operator-")
    assert "s3cret" not in one.name + repr(one)
