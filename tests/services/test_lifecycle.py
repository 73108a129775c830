"""The transition table: pure."""

from __future__ import annotations

import pytest

from incidents.choices import Status
from incidents.core.lifecycle import TRANSITIONS, Action, TransitionRefused, action_towards, allowed_actions, decide

O, A, I, R, C = Status.OPEN, Status.ACKNOWLEDGED, Status.INVESTIGATING, Status.RESOLVED, Status.CLOSED  # noqa: E741

# The dashboard contract's workflow, plus skipping ahead, plus unacknowledge: every legal move, nothing else.
LEGAL = {
    (O, A), (O, I), (O, R), (O, C),
    (A, I), (A, R), (A, C), (A, O),
    (I, R), (I, C), (I, O),
    (R, C), (R, O),
    (C, O),
}  # fmt: skip


@pytest.mark.parametrize("start", Status)
@pytest.mark.parametrize("wanted", Status)
def test_exactly_the_legal_moves_are_allowed(start: Status, wanted: Status) -> None:
    if (start, wanted) in LEGAL:
        assert decide(start, action_towards(start, wanted)) == wanted
    else:
        with pytest.raises(TransitionRefused) as refusal:
            action_towards(start, wanted)
        assert refusal.value.allowed == allowed_actions(start)


@pytest.mark.parametrize("status", Status)
def test_every_status_leads_somewhere_and_offers_what_decide_accepts(status: Status) -> None:
    assert allowed_actions(status)
    for action in Action:
        if action in allowed_actions(status):
            decide(status, action)
        else:
            with pytest.raises(TransitionRefused):
                decide(status, action)


def test_a_refusal_says_what_is_allowed_instead() -> None:
    with pytest.raises(TransitionRefused) as refusal:
        decide(Status.RESOLVED, Action.RESOLVE)
    assert refusal.value.message == "Incident already resolved"
    assert refusal.value.data == {"status": "resolved", "action": "resolve", "allowed": ["close", "reopen"]}


def test_every_action_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Action)
