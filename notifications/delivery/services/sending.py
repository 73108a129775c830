"""Sending: a claimed delivery is checked once more, rendered, handed to its channel, and its outcome recorded.

No transaction and no database connection is held while a provider is called. Messages to one destination form a queue
and go one after the other.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from django.db import Error, connection
from django.db.models import Exists, OuterRef, Q

from aiops.access.models import Membership
from aiops.kernel import http
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from aiops.kernel.sql import CompiledQuery, Given
from incidents.choices import LIVE, Status
from notifications.channels import CHANNELS
from notifications.channels.contracts import Channel, Outlet, PermanentFailure, SendFailure, Sent, TemporaryFailure
from notifications.choices import ASKING, NOTIFIED, ON_ITS_WAY, ChannelKind, DeliveryState, Purpose
from notifications.delivery import slots
from notifications.delivery.models import Delivery, MessageTemplate
from notifications.delivery.services import outcomes, rendering, reply_codes, standing_down
from notifications.delivery.services.claiming import LEASE, Batch, give_back, put_back
from notifications.delivery.services.throttle import refund

log = logging.getLogger(__name__)

TIMEOUT = 10.0  # seconds
RESERVE = timedelta(seconds=45)  # of a claim that must be left when a message is begun: longer than any channel takes …
RENEWED_RESERVE = timedelta(seconds=4)  # … or, where somebody renews it, so much that it was renewed just now
SAME = timedelta(seconds=60)  # within which nothing is said twice in the same words
RETRIES = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)  # seconds between tries to write down what came of it

Clock = Callable[[], datetime]
Channels = Mapping[ChannelKind, Channel]


def send_now(delivery_id: int, *, channels: Channels = CHANNELS, clock: Clock = utcnow) -> Delivery:
    """Send one waiting delivery in the caller's own thread, by the same path (a test, a code); returns it as it is afterwards."""
    now = clock()
    taken = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.PENDING)
    if taken.update(state=DeliveryState.SENDING, claimed_until=now + LEASE, attempts=1):
        related = ("incident__service", "incident__source", "destination__provider", "recipient")
        DestinationQueue(
            [Batch(Delivery.objects.select_related(*related).get(pk=delivery_id))], channels, clock
        ).serve()
    return Delivery.objects.select_related("destination").get(pk=delivery_id)


# What of the incident is looked at once more before a message goes.
LOOKED_AT = ("status", "episode", "snoozed_until", "suppressed_by", "acknowledged_by", "assignee_id")

_mine = CompiledQuery(
    lambda: Delivery.objects.filter(
        pk__any_of=Given("ids"), state=DeliveryState.SENDING, claimed_until__gt=Given("now")
    ),
    values=("pk", "attempts", *(f"incident__{name}" for name in LOOKED_AT)),
)
# Messages about incidents for people who left, or whose account was switched off, since it was decided that they be told.
_left = CompiledQuery(
    lambda: Delivery.objects.filter(pk__any_of=Given("ids"), incident__isnull=False, recipient__isnull=False).filter(
        Q(recipient__is_active=False)
        | Q(recipient__is_superuser=False)
        & ~Exists(Membership.objects.filter(user=OuterRef("recipient"), workspace=OuterRef("workspace")))
    ),
    values=("pk", "recipient__is_active"),
)
_about = CompiledQuery(
    lambda: Delivery.objects.filter(
        incident_id=Given("incident"),
        episode=Given("episode"),
        kind=Given("kind"),
        destination__address_digest=Given("address"),
        state__in=(*NOTIFIED, *ON_ITS_WAY),
    ).order_by("pk")
)
_own_words = CompiledQuery(
    lambda: MessageTemplate.objects.filter(
        workspace_id=Given("workspace"), kind=Given("kind"), purpose=Given("purpose")
    )
)


def queues_of(batches: Iterable[Batch]) -> list[list[Batch]]:
    """*batches* by where they go, the most urgent destination first, each queue in order."""
    queues: dict[tuple[str, int | None], list[Batch]] = {}
    for batch in batches:
        queues.setdefault((batch.delivery.kind, batch.delivery.destination_id), []).append(batch)
    return list(queues.values())


@dataclass(slots=True)
class DestinationQueue:
    """What goes to one destination next, and what is the same for all of it."""

    batches: Sequence[Batch]
    channels: Channels
    clock: Clock
    renewed: bool = False  # somebody renews the claims while they are served
    _templates: dict[tuple[int, str], MessageTemplate | None] = field(default_factory=dict)
    _outlets: dict[int, Outlet] = field(default_factory=dict)  # by workspace: whose account it goes through
    _next_steps: dict[int, str] = field(default_factory=dict)

    def serve(self) -> None:
        """Hand them over, one after the other.

        After one that fails the others go back: who claims them next asks the breaker, and keeps the order. So do those that
        there is no time for before their claim runs out, and all that was not begun when the database went away.
        """
        waiting = list(self.batches)
        reserve = RENEWED_RESERVE if self.renewed else RESERVE
        try:
            self._look_ahead()
            while waiting and _claimed_until(waiting[0]) - self.clock() > reserve:
                goes_on = self._hand_over(waiting[0])
                waiting.pop(0)
                if not goes_on:
                    break
        except Error as error:  # nothing was said yet of what is still in the list
            log.warning("deliveries could not be handed over: %s", error)
        if waiting:
            _write_down(lambda: give_back(waiting, self.clock()))

    def _look_ahead(self) -> None:
        """What follows if nobody answers, for all pages at once."""
        paged = [p.delivery.incident_id for p in self.batches if p.delivery.purpose == Purpose.PAGE]
        ids = [pk for pk in paged if pk is not None]
        if not ids:
            return
        try:
            self._next_steps = slots.NEXT.load(ids, now=self.clock())
        except Error:
            raise
        except Exception:  # a message without that sentence is better than none
            log.exception("what follows if nobody answers is not known")

    def _hand_over(self, batch: Batch) -> bool:
        """Returns whether more may be tried there. Raises ``django.db.Error`` only before anything was said."""
        going = _still_going(batch, self.clock())
        if not going:
            return True
        if why_not := _what_is_wrong(going[0]):
            final = PermanentFailure(why_not, address=False)
            _write_down(lambda: outcomes.failed(going, final, self.clock(), tried=False))
            return True
        failure: SendFailure
        try:
            result = self._send(going[0], going[1:])
        except SendFailure as raised:
            failure = raised
        except DomainError as error:  # an address that may not be called
            failure = PermanentFailure(error.message)
        except (httpx.HTTPError, OSError) as error:
            failure = TemporaryFailure(f"{type(error).__name__}: {error}", unknown=True)
        except Error:
            raise
        except Exception as error:  # one that trips is tried again for a while, then given up like any other
            log.exception("delivery %s could not be handed over", going[0].public_id)
            failure = TemporaryFailure(f"It could not be put together ({type(error).__name__}).", unknown=True)
        else:
            if isinstance(result, str):
                _write_down(lambda: outcomes.suppressed(going, result))
            else:
                _write_down(lambda: outcomes.sent(going, result, self.clock()))
            return True
        _write_down(lambda: outcomes.failed(going, failure, self.clock()))
        return False

    def _send(self, delivery: Delivery, along: Sequence[Delivery]) -> Sent | str:
        """Render and send; a sentence when the very same is said there anyway."""
        now = self.clock()
        earlier = _earlier(delivery)
        if delivery.purpose == Purpose.ANNOUNCE and any(said.purpose == Purpose.PAGE for said in earlier):
            return "a page of the same incident goes there"
        if _nobody_read(delivery, earlier):
            return "what it is about did not arrive here"
        reply_codes.assign(delivery, along)
        first = next((said for said in earlier if said.provider_ref), None)
        message = rendering.message_of(
            delivery,
            now,
            others=[other.incident for other in along if other.incident is not None],
            count=1 + len(along),
            over=all(each.purpose == Purpose.STAND_DOWN for each in (delivery, *along)),
            covers=len(reply_codes.asked_by([delivery, *along])),
            next_step=self._next_steps.get(delivery.incident_id or 0, ""),
            template=self._template(delivery),
            previous_ref=first.provider_ref if first else "",
            previous_many=first is not None and _told_of_many(first),
        )
        delivery.said = hashlib.sha256(f"{message.subject}\n{message.text}".encode()).hexdigest()[:32]
        if any(_says_the_same(delivery, said, now) for said in earlier):
            return "the very same was said there a moment ago"
        outlet = self._outlet(delivery)
        if not connection.in_atomic_block:
            connection.close()  # back to the pool: a provider may take seconds
        return self.channels[ChannelKind(delivery.kind)].send(message, outlet, _client())

    def _outlet(self, delivery: Delivery) -> Outlet:
        if delivery.workspace_id not in self._outlets:
            self._outlets[delivery.workspace_id] = rendering.outlet_of(delivery)
        return self._outlets[delivery.workspace_id]

    def _template(self, delivery: Delivery) -> MessageTemplate | None:
        key = (delivery.workspace_id, delivery.purpose)
        if key not in self._templates:
            own = _own_words(workspace=key[0], kind=delivery.kind, purpose=key[1])
            self._templates[key] = own[0] if own else None
        return self._templates[key]


def _claimed_until(batch: Batch) -> datetime:
    until = batch.delivery.claimed_until
    assert until is not None
    return until


def _still_going(batch: Batch, now: datetime) -> list[Delivery]:
    """What of a batch is to be sent, as things are at this moment; the rest is written down with its reason.

    What somebody else has taken in hand meanwhile (this process was held up for longer than its claim) is theirs.
    """
    found = {pk: row for pk, *row in _mine(ids=[d.pk for d in batch.all], now=now)}
    going = []
    for delivery in batch.all:
        attempts, *row = found.get(delivery.pk, [None])
        if attempts != delivery.attempts:
            continue
        if reason := _why_not(delivery, dict(zip(LOOKED_AT, row, strict=True)), now):
            outcomes.suppressed([delivery], reason)
        elif until := standing_down.held_until(delivery, now):
            if until - now > standing_down.STALE:
                outcomes.suppressed([delivery], standing_down.OLD_NEWS)
            else:
                put_back([delivery], until, "waits for the end of the quiet hours")
                refund(delivery.destination_id, [delivery])
        else:
            going.append(delivery)
    return _without_those_who_left(going, now)


def _without_those_who_left(deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Nobody who left hears of incidents; whoever comes after them is told at once, as where an address is gone."""
    left = dict(_left(ids=[d.pk for d in deliveries])) if any(d.recipient_id for d in deliveries) else {}
    for delivery in deliveries:
        if delivery.pk in left:
            why = "is no member of this workspace any more" if left[delivery.pk] else "has no active account any more"
            reason = f"{delivery.recipient.display_name if delivery.recipient else 'The person'} {why}."
            outcomes.failed([delivery], PermanentFailure(reason, address=False), now, tried=False)
    return [delivery for delivery in deliveries if delivery.pk not in left]


def _why_not(delivery: Delivery, incident: Mapping[str, object], now: datetime) -> str:
    """Why a message is not sent after all, as the incident is now; "" when it is."""
    if delivery.incident_id is None or delivery.purpose == Purpose.TEST:
        return ""
    if delivery.purpose == Purpose.STAND_DOWN:
        # Outlets that keep a state of their own hear of each episode what became of it.
        reopened = incident["episode"] != delivery.episode and not CHANNELS[ChannelKind(delivery.kind)].updates
        return "the incident was reopened since" if reopened else ""
    if incident["status"] is None:
        return "the incident is gone"
    if incident["episode"] != delivery.episode:
        return "the incident was reopened since"
    if incident["status"] not in LIVE:
        return "it ended before it was sent"
    if delivery.purpose == Purpose.ASSIGNED:
        return "" if incident["assignee_id"] == delivery.recipient_id else "it was assigned to somebody else since"
    if delivery.purpose == Purpose.ANNOUNCE:
        return ""
    if incident["status"] != Status.OPEN:
        return f"acknowledged by {incident['acknowledged_by']} before it was sent"
    if incident["suppressed_by"] is not None:
        return "suppressed before it was sent"
    snoozed_until = incident["snoozed_until"]
    if isinstance(snoozed_until, datetime) and snoozed_until > now:
        return "snoozed before it was sent"
    return ""


def _what_is_wrong(delivery: Delivery) -> str:
    """Why nothing can be sent where a message goes; "" when it can."""
    destination = delivery.destination
    if destination is None:
        return "The destination was removed."
    if delivery.purpose in (Purpose.VERIFY, Purpose.TEST):
        return ""
    return f"The destination can't be used: {destination.problem}." if destination.problem else ""


def _told_of_many(said: Delivery) -> bool:
    return said.digest_id is not None or Delivery.objects.filter(digest=said).exists()


def _nobody_read(delivery: Delivery, earlier: Sequence[Delivery]) -> bool:
    """Whether it says that something is over that a person was never told of: the page failed in the last moment."""
    if delivery.purpose != Purpose.STAND_DOWN or delivery.recipient_id is None:
        return False
    return not any(said.purpose in ASKING and said.state in (*NOTIFIED, DeliveryState.SENDING) for said in earlier)


def _says_the_same(delivery: Delivery, other: Delivery, now: datetime) -> bool:
    """Whether *other* said the very same just now. Another round of the escalation repeats itself on purpose."""
    if other.said != delivery.said or other.sent_at is None or now - other.sent_at >= SAME:
        return False
    return other.round == delivery.round or other.purpose != delivery.purpose


def _earlier(delivery: Delivery) -> list[Delivery]:
    """What else was, or is being, said of this episode at the same address, oldest first."""
    if delivery.incident_id is None or delivery.destination is None:
        return []
    found = _about(
        incident=delivery.incident_id,
        episode=delivery.episode,
        kind=delivery.kind,
        address=delivery.destination.address_digest,
    )
    return [other for other in found if other.pk != delivery.pk]


def _write_down(write: Callable[[], None]) -> None:
    """*write* what came of a message; while the database is away, again: what was said is not to be said twice for that."""
    for pause in (*RETRIES, None):
        try:
            return write()
        except Error as error:
            if connection.in_atomic_block:
                raise
            if pause is None or connection.is_usable():
                log.exception("the outcome of a message could not be written down; its claim runs out")
                return None
            log.warning("the outcome of a message could not be written down yet: %s", error)
        connection.close()
        time.sleep(pause)
    return None


_lock = threading.Lock()
_clients: list[httpx.Client] = []


def _client() -> httpx.Client:
    """This process's client, its connections kept alive between messages."""
    with _lock:
        if not _clients:
            _clients.append(http.client(TIMEOUT))
        return _clients[0]
