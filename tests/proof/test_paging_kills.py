"""kill -9 to the workers around the moment of a send: every page arrives, and one that may come twice says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.proof.harness import ADMIN_KEY, caller, eventually
from tests.proof.production import Production
from tests.receivers import HELD, HttpReceiver, Receivers, Request
from tests.runtime.installation import Installation

pytestmark = [pytest.mark.proof, pytest.mark.timeout(240)]

# A policy that tells a signed webhook, which knows a message by its id, and a chat, which does not.
SET_UP = """
from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from notifications.models import EscalationPolicy, Route
from notifications.services import destinations, policies
workspace, now = Workspace.objects.order_by("pk")[0], utcnow()
Route.objects.all().delete()
EscalationPolicy.objects.update(enabled=False, is_default=False)
made = [destinations.create_destination(actor=SYSTEM, kind=kind, address=address, workspace=workspace, now=now)
        for kind, address in (("webhook", "{webhook}"), ("mattermost", "{chat}"))]
step = dict(name="Both", targets=[dict(kind="channel", id=each.pk) for each in made])
policies.create_policy(actor=SYSTEM, workspace=workspace, name="Kills", is_default=True, now=now,
                       definition=dict(steps=[step], final_wait_minutes=60))
"""
HERE = "notifications_delivery d JOIN incidents_incident i ON i.id = d.incident_id WHERE i.title = %s"
IN_HAND = f"SELECT count(*) FROM {HERE} AND d.state = 'sending'"
TOLD = f"SELECT count(*) FROM {HERE} AND d.state IN ('sent', 'delivered')"
MARKED = f"SELECT count(*) FROM {HERE} AND d.maybe_twice"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
# Instead of waiting for a minute until the dead worker's claims run out.
TIME_GOES_BY = "UPDATE notifications_delivery SET claimed_until = now() WHERE state = 'sending'"


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


def about(receiver: HttpReceiver, title: str) -> list[Request]:
    return [request for request in receiver.requests if title in request.body.decode()]


def test_workers_die_around_a_send(site: Production, receivers: Receivers, folder: Path) -> None:
    code = SET_UP.format(webhook=f"{receivers.webhook.url}/hook", chat=receivers.mattermost.hook)
    set_up = Installation(folder / "paging", ("manage", "shell", "-c", code), **site.environment)
    set_up.start()
    assert set_up.wait_until_ended(60) == 0, set_up.output

    def both_have(title: str) -> Callable[[], bool]:
        return lambda: bool(about(receivers.webhook, title) and about(receivers.mattermost, title))

    def dies(title: str, held: contextlib.AbstractContextManager[None], moment: Callable[[], bool]) -> None:
        """Fire *title* while *held* stops the workers; kill them at the *moment*, and let others take over."""
        with held:
            with caller(site.web[0], ADMIN_KEY) as sender:
                assert sender.post("/webhook", json={"title": title, "severity": "critical"}).status_code == 200
            eventually(f"{title}: the moment", moment, 30)
            site.kill_workers()
        site.start_workers()
        assert site.execute(TIME_GOES_BY)
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
