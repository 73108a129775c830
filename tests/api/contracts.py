"""The examples of the contracts, word for word, and how answers are compared with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "payloads" / "contracts"


def text(name: str) -> bytes:
    """An example as it stands in the contract: ``dashboard/list``."""
    return (EXAMPLES / f"{name}.json").read_bytes()


def example(name: str, put: dict[str, Any] | None = None) -> Any:
    """The example with the values that must vary (ids, times) replaced, by dotted path: ``{"incidents.0._id": …}``."""
    value = json.loads(text(name))
    for path, replacement in (put or {}).items():
        *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
        holder = value
        for step in way:
            holder = holder[step]
        assert last in holder if isinstance(holder, dict) else holder[last] is not None, path
        holder[last] = replacement
    return value


def without(answer: dict[str, Any], extra: set[str]) -> dict[str, Any]:
    """*answer* without the keys that we document beyond the contract, every one of which must be there."""
    assert extra <= answer.keys()
    return {key: value for key, value in answer.items() if key not in extra}
