"""Restrictions as JSON: ``[{"days": [0, 1, 2, 3, 4], "from": "17:00", "to": "09:00"}]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from aiops.kernel.validation import read
from notifications.oncall.values import Restriction

Restrictions = Annotated[tuple[Restriction, ...], Field(max_length=50)]
_RESTRICTIONS: TypeAdapter[tuple[Restriction, ...]] = TypeAdapter(Restrictions)


def of_json(data: Any) -> tuple[Restriction, ...]:
    """Read and check them; raises ``InvalidInput`` naming the place, such as ``[1].from``."""
    return read(_RESTRICTIONS, data, "restrictions")


def as_json(restrictions: Sequence[Restriction]) -> list[dict[str, Any]]:
    """The same as it is stored."""
    return _RESTRICTIONS.dump_python(tuple(restrictions), mode="json", by_alias=True)
