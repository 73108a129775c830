"""kill -9 to the workers around the moment of a send: every page arrives, and one that may come twice says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.proof.harness import ADMIN_KEY, caller, eventually
from tests.proof.paging import about, fire, set_up
from tests.proof.production import WAITS, Production
from tests.receivers import HELD, Receivers

pytestmark = pytest.mark.proof

HERE = "notifications_delivery d JOIN incidents_incident i ON i.id = d.incident_id WHERE i.title = %s"
IN_HAND = f"SELECT count(*) FROM {HERE} AND d.state = 'sending'"
NOTIFIED = f"SELECT count(*) FROM {HERE} AND d.state IN ('sent', 'delivered')"
MARKED = f"SELECT count(*) FROM {HERE} AND d.maybe_twice"
# For how long the dead workers' claims still hold: nobody takes them up before.
HELD_FOR = (
    "SELECT ceil(extract(epoch FROM max(claimed_until) - now())) FROM notifications_delivery WHERE state = 'sending'"
)
TAKEN_UP = 15  # seconds after a worker's death within which others have what it had in hand
SWEEP = 2  # seconds between two looks
TIME_GOES_BY = (
    "UPDATE notifications_delivery SET claimed_until = now() WHERE state = 'sending'"  # until the claims run out
)


@contextlib.contextmanager
def unanswered(receivers: Receivers) -> Iterator[None]:
    """Both take the message, and keep the answer to themselves."""
    for receiver in (receivers.webhook, receivers.mattermost):
        receiver.fail(HELD)
    yield
    for receiver in (receivers.webhook, receivers.mattermost):
        receiver.release.set()


def test_workers_die_around_a_send(site: Production, receivers: Receivers, folder: Path) -> None:
    set_up(receivers, folder / "paging", site.environment, chat=True)

    def both_have(title: str) -> Callable[[], bool]:
        return lambda: bool(about(receivers.webhook, title) and about(receivers.mattermost, title))

    def dies(title: str, held: contextlib.AbstractContextManager[None], moment: Callable[[], bool]) -> None:
        """Fire *title* while *held* stops the workers; kill them at the *moment*, and let others take over."""
        with held:
            with caller(site.web[0], ADMIN_KEY) as sender:
                fire(sender, title)
            eventually(f"{title}: the moment", moment)
            site.kill_workers()
            assert site.count(HELD_FOR) + SWEEP < TAKEN_UP
        site.execute(TIME_GOES_BY)
        site.start_workers()
        eventually(f"{title}: all are told", lambda: site.count(NOTIFIED, title) == 2)

    title = "Killed before the send"
    dies(
        title,
        site.locked("notifications_messagetemplate"),
        lambda: site.count(IN_HAND, title) == 2 and site.count(WAITS) > 0,
    )
    assert (len(about(receivers.webhook, title)), len(about(receivers.mattermost, title))) == (1, 1)

    title = "Killed after the send"
    dies(title, unanswered(receivers), both_have(title))
    told_twice(receivers, title)

    title = "Killed before the record"
    dies(title, site.locked("notifications_receipt"), lambda: both_have(title)() and site.count(WAITS) > 0)
    told_twice(receivers, title)

    for title in ("Killed before the send", "Killed after the send", "Killed before the record"):
        assert site.count(MARKED, title) == 1, "the chat's: the webhook knows a message by its id"


def told_twice(receivers: Receivers, title: str) -> None:
    """In the one window where nobody can know: under the same id, or marked."""
    hooks, chats = about(receivers.webhook, title), about(receivers.mattermost, title)
    assert (len(hooks), len(chats)) == (2, 2)
    assert hooks[0].json["event"]["id"] == hooks[1].json["event"]["id"]
    marks = ["may be a repeat" in chat.body.decode() for chat in chats]
    assert marks == [False, True]
