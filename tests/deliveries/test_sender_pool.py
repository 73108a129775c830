"""Several threads at work, each with a connection of its own: what is slow holds up nothing else, what breaks is survived."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Min

from aiops.access.models import Workspace
from incidents.models import Incident
from notifications import tasks
from notifications.channels import CHANNELS
from notifications.channels import mattermost as mattermost_channel
from notifications.channels import webhook as webhook_channel
from notifications.choices import NOTIFIED, WAITING, ChannelKind, DeliveryState
from notifications.delivery.services import claiming, sending
from notifications.delivery.services import sender_pool as crews
from notifications.delivery.services.claiming import LEASE, RENEWED, claim, renew_claims
from notifications.delivery.services.sender_pool import SenderPool
from notifications.models import Delivery, Destination
from tests.deliveries.conftest import Page, make_destination, seconds, send
from tests.factories import NOW, make_incident, make_workspace, minutes
from tests.fault_proxy import Fault, FaultProxy
from tests.patience import PATIENCE
from tests.proof.harness import eventually
from tests.receivers import HELD, SILENCE, Answer, HttpReceiver, Receivers
from tests.sweeps import send_due

pytestmark = pytest.mark.django_db(transaction=True)
S = DeliveryState


@pytest.fixture
def pool() -> Iterator[SenderPool]:
    made = SenderPool(clock=lambda: NOW)
    yield made
    eventually("all queues have ended", lambda: not made.is_busy)


def mattermost(workspace: Workspace, receivers: Receivers, number: int = 0) -> Destination:
    query = f"?number={number}" if number else ""
    return make_destination(
        workspace=workspace, kind=ChannelKind.MATTERMOST, address=f"{receivers.mattermost.hook}{query}"
    )


def test_a_provider_that_hangs_holds_up_nobody_else(
    workspace: Workspace, incident: Incident, hook: Destination, page: Page, receivers: Receivers, pool: SenderPool
) -> None:
    hanging = [mattermost(workspace, receivers, n) for n in range(1, crews.THREADS + 3)]
    receivers.mattermost.fail(*[SILENCE] * len(hanging))
    for destination in hanging:
        page(incident, destination)
    assert pool.begin(NOW) == len(hanging)
    receivers.mattermost.wait(crews.THREADS)
    receivers.webhook.fail(HELD)
    first = page(incident, hook)
    assert pool.begin(NOW) == 1
    receivers.webhook.wait()
    another = mattermost(workspace, receivers, 99)
    page(incident, another)
    second = page(make_incident(workspace), hook)
    assert pool.begin(NOW) == 0, "kinds without a free thread, and destinations that are spoken to, are passed over"
    receivers.webhook.release.set()
    eventually("it is written down", lambda: Delivery.objects.get(pk=first.pk).state == S.DELIVERED)
    eventually("the next one goes", lambda: pool.begin(NOW) == 1)
    eventually("it is written down", lambda: Delivery.objects.get(pk=second.pk).state == S.DELIVERED)
    assert len(receivers.mattermost.requests) == crews.THREADS, "a kind has so many threads, and no more"
    receivers.mattermost.close()
    eventually("the queues have ended", lambda: not pool.is_busy)
    assert not Delivery.objects.filter(state=S.SENDING).exists()


def test_destinations_of_one_workspace_hold_up_no_page_of_another(
    workspace: Workspace, incident: Incident, page: Page, receivers: Receivers, pool: SenderPool
) -> None:
    """More of the same kind hang there than there are threads, all taken in hand before."""
    hanging = [mattermost(workspace, receivers, n) for n in range(1, crews.THREADS + 3)]
    receivers.mattermost.fail(*[SILENCE] * crews.THREADS)
    for destination in hanging:
        page(incident, destination)
    assert pool.begin(NOW) == len(hanging)
    receivers.mattermost.wait(crews.THREADS)
    other = make_workspace("other")
    theirs = page(make_incident(other), mattermost(other, receivers, 99))
    assert pool.begin(NOW) == 1
    eventually("it is written down", lambda: Delivery.objects.get(pk=theirs.pk).state == S.SENT)
    receivers.mattermost.close()


def test_after_a_failure_the_rest_goes_back_uncounted(workspace: Workspace, page: Page, receivers: Receivers) -> None:
    chat = mattermost(workspace, receivers)
    chat_pages = [page(make_incident(workspace), chat) for _ in range(3)]
    receivers.mattermost.fail(Answer(503))
    send()
    assert len(receivers.mattermost.requests) == 1
    states = [(row.state, row.attempts) for row in Delivery.objects.order_by("pk")]
    assert states == [(S.FAILED_TEMPORARY, 1), (S.PENDING, 0), (S.PENDING, 0)]
    send()
    send(NOW + seconds(7))
    assert len(receivers.mattermost.requests) == 4, "the failed one did not use up its part of the burst"
    assert {Delivery.objects.get(pk=each.pk).state for each in chat_pages} == {S.SENT}


def test_what_there_is_no_time_for_goes_back(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    delivery = page(incident, hook)
    batches = claim(NOW, 10)
    sending.DestinationQueue(batches, CHANNELS, lambda: NOW + LEASE - sending.RESERVE + seconds(1)).serve()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, receiver.requests) == (S.PENDING, 0, [])


def test_who_was_held_up_for_longer_than_the_claim_does_not_send(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    """As when a machine is suspended: when it wakes up, another one has sent it, or has it in hand."""
    page(incident, hook)
    held_up = claim(NOW, 10)
    for batch in held_up:
        batch.delivery.claimed_until = NOW + minutes(60)  # its own idea of the time is wrong, too
    other = claim(NOW + LEASE + seconds(1), 10)
    assert len(other) == 1
    sending.DestinationQueue(held_up, CHANNELS, lambda: NOW).serve()
    assert not receiver.requests
    sending.DestinationQueue(other, CHANNELS, lambda: NOW + LEASE + seconds(1)).serve()
    assert len(receiver.requests) == 1


def test_claims_last_as_long_as_somebody_renews_them(incident: Incident, hook: Destination, page: Page) -> None:
    """Then for a few seconds: so long the work of a dead process lies."""
    delivery = page(incident, hook)
    in_hand = claim(NOW, 10, lease=RENEWED)
    for passed in range(3, 60, 3):
        renew_claims(in_hand, NOW + seconds(passed))
        assert claim(NOW + seconds(passed + 9), 10) == []
    assert in_hand[0].delivery.claimed_until == NOW + seconds(57) + RENEWED
    taken = claim(NOW + seconds(57) + RENEWED, 10)
    assert [batch.delivery.pk for batch in taken] == [delivery.pk]


def test_what_others_have_by_now_is_not_renewed(incident: Incident, hook: Destination, page: Page) -> None:
    delivery = page(incident, hook)
    held_up = claim(NOW, 10, lease=RENEWED)
    claim(NOW + RENEWED, 10, lease=RENEWED)
    renew_claims(held_up, NOW + minutes(5))
    delivery.refresh_from_db()
    assert (delivery.claimed_until, delivery.attempts) == (NOW + 2 * RENEWED, 2)


def test_after_a_restart_of_postgresql_who_lives_writes_down_what_went(
    incident: Incident, hook: Destination, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could renew a claim meanwhile: that it ran out says nothing of who has it."""
    page(incident, hook)
    claim(NOW, 10, lease=RENEWED)
    monkeypatch.setattr(claiming, "RECOVERY", timedelta(days=3650))  # it has not been up for so long
    assert claim(NOW + minutes(5), 10) == []
    monkeypatch.setattr(claiming, "RECOVERY", timedelta(0))
    assert len(claim(NOW + minutes(5), 10)) == 1


def test_two_senders_at_once_send_each_message_once(
    workspace: Workspace, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    for _ in range(60):
        page(make_incident(workspace), hook)
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait()
        while send_due(NOW, limit=7):
            pass

    for thread in [in_a_thread(work) for _ in range(4)]:
        thread.join()
    ids = [request.json["event"]["id"] for request in receiver.requests]
    assert (len(ids), len(set(ids))) == (60, 60)
    assert Delivery.objects.filter(state=S.DELIVERED, attempts=1).count() == 60


def test_a_ring_that_comes_meanwhile_is_not_lost(
    workspace: Workspace, hook: Destination, receivers: Receivers, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One works at a time in a process; who rings then returns at once, and the one that works looks once more."""
    monkeypatch.setattr(tasks, "_pool", SenderPool(queue_ended=tasks.OUTBOX.look_again))
    chat = mattermost(workspace, receivers)
    receivers.mattermost.fail(SILENCE)
    page(make_incident(workspace), chat)
    done: list[int] = []
    working = in_a_thread(lambda: done.append(tasks.page()))
    receivers.mattermost.wait()
    page(make_incident(workspace), hook)
    assert tasks.page() == 0
    receivers.webhook.wait()
    receivers.mattermost.close()
    working.join(PATIENCE)
    assert done[0] >= 2, "the other message, and the first one, which may have been tried again by then"


def test_what_was_sent_is_written_down_once_the_database_is_back(
    incident: Incident, hook: Destination, receiver: HttpReceiver, page: Page, pool: SenderPool
) -> None:
    """It goes away while the provider answers: the message is not said twice for that."""
    delivery = page(incident, hook)
    receiver.fail(HELD)
    name = str(connection.settings_dict["NAME"])
    ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with beside() as server:
        pool.begin(NOW)
        receiver.wait()
        try:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            server.execute(ours, [name])
            receiver.release.set()
            time.sleep(0.5)  # it is away for that long
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    eventually("the queue has ended", lambda: not pool.is_busy)
    connection.close()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.maybe_twice) == (S.DELIVERED, 1, False)
    assert len(receiver.requests) == 1


def test_a_network_that_fails_in_every_way_loses_nothing(
    workspace: Workspace, receivers: Receivers, page: Page, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may have arrived twice says so where the provider can't tell by itself, and nothing else does."""
    monkeypatch.setattr(mattermost_channel, "TIMEOUT", 0.3)
    monkeypatch.setattr(webhook_channel, "TIMEOUT", 0.3)
    chance = random.Random(7)
    chats, hooks = FaultProxy(receivers.mattermost.url), FaultProxy(receivers.webhook.url)
    path = receivers.mattermost.hook.removeprefix(receivers.mattermost.url)
    places = [
        make_destination(workspace=workspace, kind=ChannelKind.MATTERMOST, address=f"{chats.url}{path}"),
        make_destination(workspace=workspace, kind=ChannelKind.WEBHOOK, address=f"{hooks.url}/hook"),
    ]
    for proxy in (chats, hooks):
        proxy.plan.extend(chance.choices(list(Fault), k=30))
        assert set(proxy.plan) == set(Fault)
    for _ in range(3):  # no digests: as many as go one by one
        incident = make_incident(workspace)
        for place in places:
            page(incident, place)
    at = NOW
    while (due := Delivery.objects.filter(state__in=WAITING).aggregate(at=Min("due_at"))["at"]) is not None:
        at = max(at, due)
        assert at < NOW + minutes(55), "given up"
        send(at)
    assert not Delivery.objects.exclude(state__in=NOTIFIED).exists()
    for proxy in (chats, hooks):
        proxy.close()
    ids = [request.json["event"]["id"] for request in receivers.webhook.requests]
    assert len(set(ids)) == 3 and len(ids) > 3, "sent again, under the same id"
    texts = [str(request.json) for request in receivers.mattermost.requests]
    for row in Delivery.objects.filter(kind=ChannelKind.MATTERMOST).select_related("incident"):
        about = [text for text in texts if row.incident and row.incident.name in text]
        assert about and all("may be a repeat" in text for text in about[1:])


def in_a_thread(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextmanager
def beside() -> Iterator[psycopg.Connection]:
    """A connection to the server, beside the tests' database."""
    with psycopg.connect(settings.SERVER_URL, autocommit=True) as server:
        yield server
