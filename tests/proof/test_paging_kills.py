"""kill -9 to the workers around the moment of a send: every page arrives, and one that may come twice says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.proof.harness import ADMIN_KEY, caller, eventually
from tests.proof.paging import about, fire, set_up
from tests.proof.production import Production
from tests.receivers import HELD, Receivers

pytestmark = [pytest.mark.proof, pytest.mark.timeout(240)]

HERE = "notifications_delivery d JOIN incidents_incident i ON i.id = d.incident_id WHERE i.title = %s"
IN_HAND = f"SELECT count(*) FROM {HERE} AND d.state = 'sending'"
TOLD = f"SELECT count(*) FROM {HERE} AND d.state IN ('sent', 'delivered')"
MARKED = f"SELECT count(*) FROM {HERE} AND d.maybe_twice"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
# For how long the dead workers' claims still hold: nobody takes them up before.
HELD_FOR = (
    "SELECT ceil(extract(epoch FROM max(claimed_until) - now())) FROM notifications_delivery WHERE state = 'sending'"
)
TAKEN_UP = 15  # seconds after a worker's death within which others have what it had in hand
SWEEP = 2  # seconds between two looks


@contextlib.contextmanager
def locked(site: Production, table: str) -> Iterator[None]:
    """Nobody gets past *table*."""
    with psycopg.connect(site.database_url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
        yield


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
            eventually(f"{title}: the moment", moment, 30)
            site.kill_workers()
            assert site.count(HELD_FOR) + SWEEP < TAKEN_UP
        site.start_workers()
        eventually(f"{title}: all are told", lambda: site.count(TOLD, title) == 2, 60)

    title = "Killed before the send"
    dies(
        title,
        locked(site, "notifications_messagetemplate"),
        lambda: site.count(IN_HAND, title) == 2 and site.count(WAITS) > 0,
    )
    assert (len(about(receivers.webhook, title)), len(about(receivers.mattermost, title))) == (1, 1)

    title = "Killed after the send"
    dies(title, unanswered(receivers), both_have(title))
    told_twice(receivers, title)

    title = "Killed before the record"
    dies(title, locked(site, "notifications_receipt"), lambda: both_have(title)() and site.count(WAITS) > 0)
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
