"""When answers are delivered: in shares, or late, each once and in order."""

from __future__ import annotations

from incidents.front.answers import Answers


def make() -> tuple[Answers[int], list[list[int]], list[str]]:
    delivered: list[list[int]] = []
    reminders: list[str] = []
    return Answers(delivered.append, lambda: reminders.append("soon")), delivered, reminders


def test_two_shares_are_all_of_it() -> None:
    answers, delivered, _ = make()
    answers.keep([1, 2, 3, 4, 5])
    answers.deliver_some()
    answers.deliver_some()
    answers.deliver_some()
    assert delivered == [[1, 2, 3], [4, 5]]


def test_what_was_left_of_a_batch_goes_with_the_next() -> None:
    answers, delivered, _ = make()
    answers.keep([1, 2])
    answers.deliver_some()
    answers.keep([3, 4, 5])
    answers.deliver_some()
    answers.deliver_all()
    answers.deliver_all()
    assert delivered == [[1], [2, 3], [4, 5]]


def test_one_reminder_is_under_way_at_a_time() -> None:
    answers, delivered, reminders = make()
    answers.keep([1])
    answers.keep([2])
    assert reminders == ["soon"]
    answers.deliver_late()
    assert delivered == [[1, 2]]
    answers.keep([3])
    assert reminders == ["soon", "soon"], "what is kept after a reminder came has one of its own"
