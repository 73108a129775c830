"""The events of on-call, for the subjects above. Published in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.kernel.events import Event, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFact(Fact):
    """A swap, who did something about it (as people read it), and the people who are asked (none after the asking)."""

    swap_id: int
    by: str
    asked: list[int]


class SwapEvent(Event):
    """What may happen to a swap, as far as others hear of it."""

    ASKED = "swap.asked", SwapFact
    ACCEPTED = "swap.accepted", SwapFact
    DECLINED = "swap.declined", SwapFact
