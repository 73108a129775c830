"""Outcomes of sending: records state, receipt, timeline entry and the destination's health, and what follows from a
failure.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from aiops.access.actors import SYSTEM
from aiops.kernel import live, site
from aiops.kernel.sql import CompiledQuery, Given, insert
from incidents.core.services import reactions, timeline
from incidents.core.timeline import Entry
from notifications import metrics
from notifications.channels import CHANNELS
from notifications.channels.contracts import PermanentFailure, SendFailure, Sent, TemporaryFailure
from notifications.choices import ASKING, NOTIFIED, ON_ITS_WAY, ChannelKind, DeliveryState, Purpose, Rank
from notifications.delivery.events import DeliveryEvent, FallbackFact, StepFact
from notifications.delivery.models import Delivery, Destination, Receipt
from notifications.delivery.selectors.recipients import admins_of
from notifications.delivery.services import moved_addresses, owner_notices
from notifications.delivery.services.claiming import bring_forward
from notifications.delivery.services.throttle import refund
from notifications.delivery.timeline import PagingKind

FIRST_PAUSE = 5.0  # seconds; doubles
TRIES = 4  # of a message to a fallback, within about half a minute; then somebody else is notified too
LONGEST_PAUSE = 300.0
PATIENCE = {Purpose.PAGE: timedelta(hours=1), Purpose.FALLBACK: timedelta(hours=6)}
SHORT_PATIENCE = timedelta(minutes=15)
BREAKS_AT = 5  # failures in a row
BREAK = 30.0  # seconds; doubles
LONGEST_BREAK = 300.0
SAME_ACCOUNT = timedelta(hours=6)  # between two words to admins about the same kind

_held = CompiledQuery(
    lambda: (
        Delivery.objects.filter(pk__any_of=Given("ids"), state=DeliveryState.SENDING)
        .order_by("pk")
        .select_for_update(no_key=True)
    ),
    values=("pk", "attempts"),
)
_random = random.Random()  # noqa: S311 - spreads retries, keeps no secret


def sent(deliveries: Sequence[Delivery], result: Sent, now: datetime) -> None:
    """The provider took it. All of *deliveries* went as one message, the first carries it."""
    carrier = deliveries[0]
    with transaction.atomic():
        mine = _still_mine(deliveries)
        told = Delivery.objects.filter(pk__in=[delivery.pk for delivery in mine])
        told.update(
            state=result.state,
            reason="",
            claimed_until=None,
            sent_at=Coalesce("sent_at", Value(now)),
            delivered_at=now if result.state in (DeliveryState.DELIVERED, DeliveryState.READ) else None,
            provider_ref=result.ref[:300],
            said=carrier.said,
        )
        _receipts(mine, result.state, result.detail, now)
        _entries([d for d in mine if d.purpose in ASKING], PagingKind.NOTIFICATION_SENT, "", now)
        if carrier.destination_id is not None:
            # It works, whatever was said of it before.
            healthy = {"failures": 0, "open_until": None, "broken_at": None, "broken_reason": ""}
            Destination.objects.filter(pk=carrier.destination_id).exclude(**healthy).update(**healthy)
            if result.moved_to:
                moved_addresses.moved(carrier.destination_id, result.moved_to)
        live.publish_rows([(delivery.workspace_id, delivery.incident_id) for delivery in mine], "delivery")
    metrics.NOTIFICATIONS.labels(carrier.kind, carrier.purpose, "sent").inc()
    for delivery in mine:
        if delivery.purpose == Purpose.PAGE and delivery.rank == Rank.FIRST_PAGE and delivery.incident is not None:
            metrics.PAGE_SECONDS.observe(max(0.0, (now - delivery.incident.created_at).total_seconds()))


def failed(deliveries: Sequence[Delivery], failure: SendFailure, now: datetime, *, tried: bool = True) -> None:
    """The provider did not take it: again later, or never, and then somebody else is told. Not *tried*: it was never asked."""
    carrier = deliveries[0]
    with transaction.atomic():
        mine = _still_mine(deliveries)
        if not mine:
            return
        final = isinstance(failure, PermanentFailure) or _out_of_patience(carrier, now)
        reason = failure.reason if isinstance(failure, PermanentFailure) or not final else f"gave up: {failure.reason}"
        due_at = now + timedelta(seconds=pause(carrier.attempts, failure))
        unknown = (
            isinstance(failure, TemporaryFailure) and failure.unknown and not CHANNELS[ChannelKind(carrier.kind)].keyed
        )
        for delivery in mine:
            delivery.state = DeliveryState.FAILED_PERMANENT if final else DeliveryState.FAILED_TEMPORARY
            delivery.reason, delivery.claimed_until = reason[:500], None
            delivery.due_at = delivery.due_at if final else due_at
            delivery.maybe_twice = delivery.maybe_twice or unknown
        Delivery.objects.bulk_update(
            mine, ["state", "reason", "claimed_until", "due_at", "maybe_twice"], batch_size=1000
        )
        _receipts(mine, mine[0].state, reason, now)
        if final:
            _entries([d for d in mine if d.purpose in ASKING], PagingKind.NOTIFICATION_FAILED, reason, now)
        if tried:
            _judge_destination(carrier, failure, final, now)
        live.publish_rows([(delivery.workspace_id, delivery.incident_id) for delivery in mine], "delivery")
    metrics.NOTIFICATIONS.labels(carrier.kind, carrier.purpose, "failed" if final else "retried").inc()
    if final:
        follow_up(mine, now)
    elif carrier.attempts >= TRIES:
        report_fallbacks(mine, now)


def suppressed(deliveries: Sequence[Delivery], reason: str) -> None:
    """It is not sent after all, for *reason*."""
    with transaction.atomic():
        mine = _still_mine(deliveries)
        Delivery.objects.filter(pk__in=[d.pk for d in mine]).update(
            state=DeliveryState.SUPPRESSED, reason=reason[:500], claimed_until=None
        )
        live.publish_rows([(delivery.workspace_id, delivery.incident_id) for delivery in mine], "delivery")
    metrics.NOTIFICATIONS.labels(deliveries[0].kind, deliveries[0].purpose, "suppressed").inc(len(mine))


def pause(attempts: int, failure: SendFailure) -> float:
    """Seconds until the next try: doubling from 5 s to 5 min, spread by a fifth; never sooner than the provider asks."""
    wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, attempts - 1)) * _random.uniform(0.8, 1.2)
    asked = failure.retry_after if isinstance(failure, TemporaryFailure) else None
    return max(wait, asked) if asked else wait


def _out_of_patience(delivery: Delivery, now: datetime) -> bool:
    """Whether it was tried for long enough. It may have waited for its time before: that does not count."""
    patience = CHANNELS[ChannelKind(delivery.kind)].patience or PATIENCE.get(Purpose(delivery.purpose), SHORT_PATIENCE)
    first_try = delivery.receipts.order_by("pk").values_list("at", flat=True).first() or now
    return now - first_try >= patience


def _still_mine(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those that nobody took back meanwhile, under lock."""
    by_pk = {delivery.pk: delivery for delivery in deliveries}
    return [by_pk[pk] for pk, attempts in _held(ids=list(by_pk)) if by_pk[pk].attempts == attempts]


def _receipts(deliveries: Sequence[Delivery], state: str, detail: str, now: datetime) -> None:
    insert([Receipt(delivery=d, at=now, state=state, detail=detail[:500]) for d in deliveries])


def _entries(deliveries: Sequence[Delivery], kind: PagingKind, reason: str, now: datetime) -> None:
    because = {"reason": reason} if reason else {}
    timeline.record(
        Entry.by(SYSTEM, d.incident.pk, now, kind, data={"said": _sentence(d, kind), **because})
        for d in deliveries
        if d.incident is not None
    )


def _sentence(delivery: Delivery, kind: PagingKind) -> str:
    """Who was told, by what: ``Told Ana by SMS (+49 …)``."""
    who = delivery.recipient.display_name if delivery.recipient is not None else ""
    where = delivery.destination.label if delivery.destination is not None else ""
    verb = "Told" if kind == PagingKind.NOTIFICATION_SENT else "Could not tell"
    via = ChannelKind(delivery.kind).label
    return f"{verb} {who} by {via} ({where})" if who else f"{verb} {where} by {via}"


def _judge_destination(delivery: Delivery, failure: SendFailure, final: bool, now: datetime) -> None:
    """Count the failure; open the breaker, or flag a destination that will never work again."""
    if delivery.destination_id is None:
        return
    destination = Destination.objects.select_for_update(no_key=True).get(pk=delivery.destination_id)
    destination.failures = min(destination.failures + 1, 1000)
    refund(destination.pk, [delivery])
    if destination.failures >= BREAKS_AT:
        length = min(LONGEST_BREAK, BREAK * 2 ** (destination.failures - BREAKS_AT))
        destination.open_until = now + timedelta(seconds=length)
    gone = isinstance(failure, PermanentFailure) and failure.address
    dropped = final and not gone and _drops(delivery)
    breaks = (gone or dropped) and destination.broken_at is None and delivery.purpose != Purpose.VERIFY
    if breaks:
        destination.broken_at = now
    if destination.broken_at is not None:  # why it fails now, which may not be why it did first
        again = "messages were given up again and again: " if dropped and breaks else ""
        destination.broken_reason = f"{again}{failure.reason}"
    destination.save(update_fields=["failures", "open_until", "broken_at", "broken_reason"])
    if breaks:
        _warn_owner(destination, delivery.workspace_id, now)
    elif isinstance(failure, PermanentFailure) and not failure.address and delivery.purpose in ASKING:
        _warn_of_account(delivery, failure.reason, now)


def _warn_owner(destination: Destination, workspace_id: int, now: datetime) -> None:
    """Whose destination it is hears of it by another channel; of a shared one, the admins of the workspace."""
    is_shared = destination.owner_id is None
    owners = admins_of([workspace_id])[workspace_id] if is_shared else [destination.owner_id]
    owner_notices.notify(
        workspace_id=workspace_id,
        user_ids=[pk for pk in owners if pk is not None],
        subject=f"Pages no longer reach {destination.label}",
        text=f"{destination.get_kind_display()} {destination.label} failed for good: {destination.broken_reason} "
        "Nothing is sent there until somebody mends it.",
        url=site.url("/console/destinations" if is_shared else "/console/notifications"),
        now=now,
    )


def _warn_of_account(delivery: Delivery, reason: str, now: datetime) -> None:
    """Messages of a kind fail for a reason that no other address mends: the workspace's admins hear of it, once in a while."""
    kind = ChannelKind(delivery.kind)
    subject = f"Pages by {kind.label} fail"
    said = Delivery.objects.filter(
        workspace_id=delivery.workspace_id, purpose=Purpose.OWNER_NOTICE, data__subject=subject
    )
    if said.filter(created_at__gt=now - SAME_ACCOUNT).exists():
        return
    owner_notices.notify(
        workspace_id=delivery.workspace_id,
        user_ids=admins_of([delivery.workspace_id])[delivery.workspace_id],
        subject=subject,
        text=f"{kind.label} does not take our messages: {reason} Whoever is told this way is not told until that is mended.",
        url=site.url("/console/destinations/accounts"),
        now=now,
    )


def _drops(delivery: Delivery) -> bool:
    """Whether so many messages in a row were given up that nobody listens there any more."""
    most = CHANNELS[ChannelKind(delivery.kind)].drops
    if not most:
        return False
    decided = (*NOTIFIED, DeliveryState.FAILED_PERMANENT)
    latest = Delivery.objects.filter(destination=delivery.destination, state__in=decided)
    states = list(latest.order_by("-pk").values_list("state", flat=True)[:most])
    return len(states) == most and all(state == DeliveryState.FAILED_PERMANENT for state in states)


def follow_up(deliveries: Sequence[Delivery], now: datetime) -> None:
    """A page that will never arrive: the person's other ways come forward. When a whole step reaches nobody, or a message to a
    fallback fails, the subjects above hear of it."""
    report_fallbacks(deliveries, now)
    for delivery in deliveries:
        if delivery.purpose != Purpose.PAGE or delivery.incident_id is None:
            continue
        if delivery.recipient_id is not None:
            bring_forward(delivery, now)
        about = {name: getattr(delivery, name) for name in ("incident_id", "episode", "round", "step")}
        step = Delivery.objects.filter(**about, purpose=Purpose.PAGE)
        if not step.filter(state__in=(*ON_ITS_WAY, *NOTIFIED)).exists():
            with transaction.atomic():
                reactions.publish(DeliveryEvent.STEP_UNREACHED, [StepFact(**about)], now)


def report_fallbacks(deliveries: Sequence[Delivery], now: datetime) -> None:
    """Publish those of *deliveries* that were for a fallback."""
    facts = [
        FallbackFact(delivery_id=delivery.pk, incident_id=delivery.incident_id)
        for delivery in deliveries
        if delivery.purpose == Purpose.FALLBACK and delivery.incident_id is not None
    ]
    if facts:
        with transaction.atomic():
            reactions.publish(DeliveryEvent.FALLBACK_FAILED, facts, now)
