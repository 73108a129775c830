"""Claims: a worker takes due deliveries by a conditional update, first pages first, throttled for each destination.

In a storm a destination gets a few messages at once, then digests (``throttle``). A destination whose circuit breaker
is open gets nothing until it closes, and its person's other destinations come forward. All of that is rows; the claims
of a dead worker run out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q

from aiops.kernel.sql import CompiledQuery, Given
from notifications.channels import CHANNELS
from notifications.choices import ASKING, ON_ITS_WAY, WAITING, ChannelKind, DeliveryState, Purpose, Rank
from notifications.delivery.models import Delivery, Destination
from notifications.delivery.services.throttle import digest_at, is_bundled, let_through, refund

LEASE = timedelta(seconds=60)  # a claim that is older belonged to a process that died
RENEWED = timedelta(
    seconds=10
)  # the same where somebody renews it every few seconds while the work goes on (``sender_pool``)
RECOVERY = timedelta(
    seconds=12
)  # after a restart of PostgreSQL; longer than the pauses with which an outcome is written again
BEHIND = timedelta(milliseconds=500)  # what waits for a message in somebody else's hands looks again after this
KEYED = [kind for kind, channel in CHANNELS.items() if channel.keyed]

_CLAIM = """
UPDATE notifications_delivery SET state = 'sending', claimed_until = %(until)s, attempts = attempts + 1
WHERE id = ANY (ARRAY(
    SELECT id FROM notifications_delivery
    WHERE state IN ('pending', 'failed_temporary') AND due_at <= %(now)s
        AND kind || ' ' || workspace_id <> ALL(%(full)s)
        AND (destination_id IS NULL OR destination_id <> ALL(%(busy)s))
    ORDER BY rank, due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING id
"""


_RENEW = """
UPDATE notifications_delivery SET claimed_until = %s
WHERE id = ANY (ARRAY(
    SELECT d.id FROM notifications_delivery d JOIN unnest(%s::bigint[], %s::int[]) AS mine (id, attempts) USING (id, attempts)
    WHERE d.state = 'sending' FOR UPDATE OF d SKIP LOCKED))
RETURNING id
"""

_left_behind = CompiledQuery(
    lambda: (
        Delivery.objects.filter(state=DeliveryState.SENDING, claimed_until__lte=Given("now"))
        .order_by("pk")
        .select_for_update(no_key=True, skip_locked=True)[:500]
    ),
    values=("pk",),
)
_loaded = CompiledQuery(
    lambda: Delivery.objects.filter(pk__any_of=Given("ids")),
    along=("incident__service", "incident__source", "destination__provider", "recipient"),
)
_locked_destinations = CompiledQuery(
    lambda: Destination.objects.filter(pk__any_of=Given("ids")).order_by("pk").select_for_update(no_key=True)
)
_on_their_way = CompiledQuery(
    lambda: Delivery.objects.filter(
        destination_id=Given("destination"), incident_id__any_of=Given("incidents"), state__in=ON_ITS_WAY
    ).order_by("-pk"),
    values=("pk", "incident_id", "state", "due_at"),
)


@dataclass(slots=True)
class Batch:
    """What goes out as one message: a delivery, and those that are told along with it."""

    delivery: Delivery
    along: list[Delivery] = field(default_factory=list)

    @property
    def all(self) -> list[Delivery]:
        return [self.delivery, *self.along]


def claim(
    now: datetime,
    limit: int,
    *,
    busy: Collection[int] = (),
    full: Collection[tuple[ChannelKind, int]] = (),
    lease: timedelta = LEASE,
) -> list[Batch]:
    """Take at most *limit* due deliveries in hand for *lease*, and say what becomes one message. Empty: nothing is due.

    Passed over is what goes to the destinations *busy*, and to outlets of a kind of a workspace that are *full*.
    """
    values: dict[str, Any] = {
        "now": now,
        "until": now + lease,
        "limit": limit,
        "busy": list(busy),
        "full": [f"{kind} {workspace_id}" for kind, workspace_id in full],
    }
    with transaction.atomic():
        _take_back(now)
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, values)
            ids = [pk for (pk,) in cursor.fetchall()]
        if not ids:
            return []
        claimed = _load(ids)
        destinations = {d.destination_id for d in claimed if d.destination_id is not None}
        by_pk = {row.pk: row for row in _locked_destinations(ids=list(destinations))}
        by_destination: dict[int | None, list[Delivery]] = defaultdict(list)
        for delivery in sorted(claimed, key=lambda d: (d.rank, d.due_at, d.pk)):
            by_destination[delivery.destination_id].append(delivery)
        batches: list[Batch] = []
        for pk, deliveries in by_destination.items():
            destination = by_pk.get(pk) if pk is not None else None
            batches += _batches_for(destination, deliveries, now, now + lease)
    return sorted(batches, key=lambda batch: (batch.delivery.rank, batch.delivery.due_at))


def _take_back(now: datetime) -> None:
    """What a dead worker had in hand. Nobody knows whether it went: it goes again, and says so unless the provider can tell.

    While PostgreSQL was away nobody could renew a claim, nor write down what came of it: whoever lives is given time for that.
    """
    ids = [pk for (pk,) in _left_behind(now=now)]
    if not ids or _is_back_since() < RECOVERY:
        return
    said = {"state": DeliveryState.FAILED_TEMPORARY, "claimed_until": None, "due_at": now}
    gone = Delivery.objects.filter(pk__in=ids)
    gone.filter(kind__in=KEYED).update(**said, reason="a worker died with it in hand")
    gone.exclude(kind__in=KEYED).update(
        **said, maybe_twice=True, reason="a worker died with it in hand; it may have been sent before"
    )


def _is_back_since() -> timedelta:
    """For how long PostgreSQL has been running."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() - pg_postmaster_start_time()")
        up: timedelta = cursor.fetchone()[0]
    return up


def _load(ids: Sequence[int]) -> list[Delivery]:
    return _loaded(ids=list(ids))


def _batches_for(
    destination: Destination | None, deliveries: list[Delivery], now: datetime, until: datetime
) -> list[Batch]:
    """The messages to one destination, after breaker and throttle."""
    if destination is None:
        return [Batch(delivery) for delivery in deliveries]
    if destination.open_until is not None and destination.open_until > now:
        urgent = [d for d in deliveries if d.purpose in (Purpose.VERIFY, Purpose.TEST)]
        put_back([d for d in deliveries if d not in urgent], destination.open_until, "the circuit breaker is open")
        _bring_forward(deliveries, now)
        return [Batch(delivery) for delivery in urgent]
    channel = CHANNELS[ChannelKind(destination.kind)]
    if channel.ordered:
        deliveries = _in_order(destination, deliveries, now)
    if not channel.bundles:
        return [Batch(delivery) for delivery in deliveries]
    bundled = [d for d in deliveries if is_bundled(d)]
    batches = [Batch(d) for d in deliveries if not is_bundled(d)]
    if not bundled:
        return batches
    digest = [d for d in bundled if d.rank == Rank.DIGEST]
    singles, beyond = let_through(destination, [d for d in bundled if d.rank != Rank.DIGEST], now)
    batches += [Batch(delivery) for delivery in singles]
    if digest:
        batches.append(_digest(destination, [*digest, *beyond], until))
    else:
        waiting: dict[datetime, list[Delivery]] = defaultdict(list)
        for delivery in beyond:
            waiting[digest_at(destination, delivery, now)].append(delivery)
        for due_at, deliveries in waiting.items():
            put_back(deliveries, due_at, "many at once: told in a digest", Rank.DIGEST)
    return batches


def _in_order(destination: Destination, deliveries: list[Delivery], now: datetime) -> list[Delivery]:
    """Those that nothing older about the same incident waits, or is under way, before; the others are put behind that."""
    incidents = [d.incident_id for d in deliveries if d.incident_id is not None]
    ours = {d.pk for d in deliveries}
    oldest: dict[int | None, tuple[int, datetime]] = {}
    for pk, incident_id, state, due_at in _on_their_way(destination=destination.pk, incidents=incidents):
        if pk in ours:
            continue
        again_at = now + BEHIND if state == DeliveryState.SENDING else due_at + timedelta(milliseconds=1)
        oldest[incident_id] = (pk, again_at)
    going = []
    for delivery in sorted(deliveries, key=lambda d: d.pk):
        before = oldest.get(delivery.incident_id)
        if before is None or before[0] > delivery.pk:
            going.append(delivery)
        else:
            put_back([delivery], before[1], "waits for what was said before it")
    return going


def _digest(destination: Destination, deliveries: list[Delivery], until: datetime) -> Batch:
    """One message for all of *deliveries*, and for whatever else waits for a digest to the same destination."""
    rest = Delivery.objects.filter(destination=destination, rank=Rank.DIGEST, state__in=WAITING)
    ids = list(rest.order_by("pk").select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
    if ids:
        Delivery.objects.filter(pk__in=ids).update(
            state=DeliveryState.SENDING, claimed_until=until, attempts=F("attempts") + 1
        )
        deliveries = [*deliveries, *_load(ids)]
    # What can be answered comes before what is over: the first one gives the message its name, and its answer.
    ordered = sorted(
        deliveries,
        key=lambda d: (d.purpose in ASKING, d.incident.severity if d.incident else 0, d.pk),
        reverse=True,
    )
    return Batch(ordered[0], ordered[1:])


def renew_claims(batches: Iterable[Batch], now: datetime) -> None:
    """Whoever has *batches* in hand still works on them: their claims last on from *now*.

    What is not theirs any more stays as it is, and so does what somebody is writing down at this moment.
    """
    mine = {delivery.pk: delivery for batch in batches for delivery in batch.all}
    until = now + RENEWED
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [until, list(mine), [delivery.attempts for delivery in mine.values()]])
        for (pk,) in cursor.fetchall():
            mine[pk].claimed_until = until


def put_back(deliveries: Sequence[Delivery], due_at: datetime, reason: str, rank: Rank | None = None) -> None:
    """Not now: due again at *due_at*, and not counted as an attempt. What is in other hands by now stays there."""
    attempts = {d.attempts for d in deliveries}
    rows = Delivery.objects.filter(
        pk__in=[d.pk for d in deliveries], state=DeliveryState.SENDING, attempts__in=attempts
    )
    rows.update(
        state=DeliveryState.PENDING,
        claimed_until=None,
        due_at=due_at,
        attempts=F("attempts") - 1,
        reason=reason,
        **({"rank": rank} if rank is not None else {}),
    )


def give_back(batches: Sequence[Batch], now: datetime) -> None:
    """A worker does not come to *batches*, all to one destination: due again, and what they used of its allowances is free."""
    put_back([d for batch in batches for d in batch.all], now, "waits for its turn")
    refund(batches[0].delivery.destination_id, [batch.delivery for batch in batches])


def _bring_forward(deliveries: Sequence[Delivery], now: datetime) -> None:
    """Whoever is not reached this way is told by the other ways that were to come later."""
    for delivery in deliveries:
        if delivery.purpose == Purpose.PAGE and delivery.recipient_id is not None:
            bring_forward(delivery, now)


def bring_forward(delivery: Delivery, now: datetime) -> int:
    """Make the recipient's later messages of the same step due now; returns how many there were."""
    later = Delivery.objects.filter(
        ~Q(pk=delivery.pk),
        incident=delivery.incident,
        episode=delivery.episode,
        round=delivery.round,
        step=delivery.step,
        purpose=Purpose.PAGE,
        recipient_id=delivery.recipient_id,
        state__in=WAITING,
        due_at__gt=now,
    ).exclude(destination=delivery.destination)
    with transaction.atomic():
        free = later.order_by("pk").select_for_update(no_key=True, skip_locked=True)  # others have the rest in hand
        return Delivery.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(due_at=now)
