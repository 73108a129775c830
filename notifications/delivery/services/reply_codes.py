"""Reply codes: the short number in a text message by which a reply names its incidents.

An incident keeps its code on a phone while it lives; an ended incident frees it. A digest has a code of its own, which
stands for all incidents that the digest lists.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from aiops.access.models import User
from incidents.choices import LIVE
from incidents.core.models import Incident
from notifications.choices import ASKING, ChannelKind, DeliveryState
from notifications.delivery.models import Delivery, Destination

HIGHEST = 999
MOST = 200  # incidents that one answer takes; a digest of more asks for none


def asked_by(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those of *deliveries*, which go as one message, that an answer to it takes; none when the message may not ask for one."""
    found = {d.incident_id: d for d in deliveries if d.incident_id is not None and d.purpose in ASKING}
    return list(found.values()) if len(found) <= MOST else []


def assign(carrier: Delivery, along: Sequence[Delivery] = ()) -> None:
    """Write down that *along* goes with *carrier* as one message, and give a text message that may be answered its code.

    One short transaction, before rendering. A single message keeps the code that its incident has on this phone; otherwise the
    code is the lowest that means no live incident there.
    """
    group = [carrier, *along]
    numbered = carrier.kind == ChannelKind.SMS and bool(asked_by(group))
    if not numbered and not along and carrier.attempts <= 1:
        return
    with transaction.atomic():
        code = _code(carrier, along, carrier.destination_id) if numbered and carrier.destination_id else None
        released = Delivery.objects.filter(digest=carrier).exclude(pk__in=[d.pk for d in along])
        released.update(digest=None, reply_code=None)  # of an attempt before
        Delivery.objects.filter(pk=carrier.pk).update(digest=None, reply_code=code)
        Delivery.objects.filter(pk__in=[d.pk for d in along]).update(digest=carrier, reply_code=code)
    for delivery in group:
        delivery.reply_code = code


def carried(delivery: Delivery) -> list[Delivery]:
    """What the message of *delivery* told of and an answer to it takes, worst first: of a digest all of them, else it alone.

    Their incidents are loaded, and may have been reopened since: then their episode is another one.
    """
    carrier = delivery.digest_id or delivery.pk
    rows = Delivery.objects.filter(Q(pk=carrier) | Q(digest_id=carrier)).exclude(state=DeliveryState.SUPPRESSED)
    related = ("incident__service", "incident__workspace", "recipient", "destination")
    return asked_by(list(rows.select_related(*related).order_by("-incident__severity", "pk")))


def incidents_of(code: int, *, user: User, workspace_id: int) -> list[Incident]:
    """The incidents that *code* means to *user*: all that the last message with it to a phone of theirs told of; [] for none."""
    sent = Delivery.objects.filter(
        workspace_id=workspace_id, recipient=user, destination__owner=user, reply_code=code, incident__isnull=False
    ).exclude(state=DeliveryState.SUPPRESSED)
    live_first = Case(When(incident__status__in=LIVE, then=Value(0)), default=Value(1))
    last = sent.order_by(live_first, Coalesce("sent_at", "created_at").desc(), "-pk").first()
    return [each.incident for each in carried(last) if each.incident is not None] if last is not None else []


def _code(carrier: Delivery, along: Sequence[Delivery], phone_id: int) -> int | None:
    # Two workers may write to one phone at a time.
    Destination.objects.select_for_update(no_key=True).get(pk=phone_id)
    group = [carrier.pk, *(d.pk for d in along)]
    there = Delivery.objects.filter(destination_id=phone_id, reply_code__isnull=False)
    others = there.filter(incident__status__in=LIVE).exclude(pk__in=group).exclude(digest_id=carrier.pk)
    before = carrier.reply_code
    if not along and carrier.incident_id is not None:
        own = _alone(there.filter(incident_id=carrier.incident_id))
        others = others.exclude(pk__in=list(own.values_list("pk", flat=True)))
        before = before or own.values_list("reply_code", flat=True).order_by("-pk").first()
    taken = set(others.values_list("reply_code", flat=True))
    if before is not None and before not in taken:
        return before
    return next((number for number in range(1, HIGHEST + 1) if number not in taken), None)


def _alone(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those of *rows* that were, or are, messages of their own."""
    return rows.filter(digest__isnull=True, bundled__isnull=True)
