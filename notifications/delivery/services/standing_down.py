"""Stand-downs: messages that say that an incident is acknowledged or over, to everybody who was notified of it.

An acknowledgement goes only to outlets with a state of their own (Slack, PagerDuty). The end goes to everybody who was
notified, once, where they read it: never by a call, never in quiet hours, and not to the person who ended it. Messages
that can change are changed silently.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import F, Q

from incidents.core.events import IncidentFact
from incidents.core.models import Incident
from notifications.channels import CHANNELS
from notifications.choices import ASKING, NOTIFIED, ChannelKind, DeliveryState, Purpose, Rank, Urgency
from notifications.delivery.contact import Person, quiet_until
from notifications.delivery.intents import ACKNOWLEDGED, CHANGED, NO_STEP, Intent
from notifications.delivery.models import Delivery
from notifications.delivery.selectors.recipients import load_people
from notifications.delivery.services import deliveries

STALE = timedelta(hours=12)  # after which nobody needs to hear any more that it is over
OLD_NEWS = "it would be old news after the quiet hours"
UPDATING = [kind for kind, channel in CHANNELS.items() if channel.updates]
READ_FIRST = (DeliveryState.READ, DeliveryState.DELIVERED, DeliveryState.SENT, DeliveryState.SENDING)
# Among what was read alike: where the message itself can change, then what is on the phone of whoever was woken, mail last.
SEEN_FIRST = (ChannelKind.SLACK, ChannelKind.WEBPUSH, ChannelKind.SMS, ChannelKind.TELEGRAM)


@dataclass(frozen=True, slots=True)
class _Notified:
    """A message that reached somebody, or is under way."""

    pk: int
    workspace_id: int
    incident_id: int
    episode: int
    recipient_id: int | None
    destination_id: int
    kind: ChannelKind
    urgency: Urgency
    state: DeliveryState


def acknowledged(facts: Sequence[IncidentFact], now: datetime) -> int:
    """Somebody has them: outlets that keep a state of their own hear it."""
    told = _told([fact.incident_id for fact in facts])
    return deliveries.intend(
        [_intent(row, "acknowledge", now, step=ACKNOWLEDGED) for row in told if row.kind in UPDATING], now
    )


def over(facts: Sequence[IncidentFact], now: datetime) -> int:
    """They have ended; returns how many messages say so."""
    enders = {fact.incident_id: fact.actor.user_id for fact in facts}
    # What was resolved, and told of, a while ago is only put away now.
    resolved_before = Q(pk__in=enders, resolved_at__isnull=False) & ~Q(resolved_at=F("closed_at"))
    closed_later = Incident.objects.filter(resolved_before, closed_at__isnull=False)
    for pk in closed_later.values_list("pk", flat=True):
        del enders[pk]
    shared: list[_Notified] = []
    theirs: dict[tuple[int, int], list[_Notified]] = defaultdict(list)
    for row in _told(enders):
        if row.kind == ChannelKind.VOICE:
            continue  # nobody is woken to hear that they may sleep
        if row.recipient_id is None:
            shared.append(row)
        else:
            theirs[row.incident_id, row.recipient_id].append(row)
    intents = [_intent(row, "resolve", now) for row in shared]
    people = load_people({user_id for _, user_id in theirs})
    for (incident_id, user_id), rows in theirs.items():
        person = people.get(user_id) if user_id != enders[incident_id] else None
        intents += _to_person(rows, person, now)
    return deliveries.intend(intents, now)


def _to_person(rows: Sequence[_Notified], person: Person | None, now: datetime) -> list[Intent]:
    """One message where they read it (*person* None: they need none), and a silent change of each that can change."""
    said: list[Intent] = []
    if person is not None and person.active:
        best = min(rows, key=lambda row: (READ_FIRST.index(row.state), _rank(row.kind), row.pk))
        until = quiet_until(person.quiet, person.time_zone, now)
        intent = _intent(best, "resolve", until or now)
        if until is not None:
            intent = replace(intent, data={**intent.data, "note": "waits for the end of the quiet hours"})
            late = until - now > STALE
            intent = replace(intent, suppressed=OLD_NEWS) if late else intent
        said.append(intent)
    told_now = {intent.destination_id for intent in said if intent.due_at <= now}
    quietly = [row for row in rows if row.kind in UPDATING and row.destination_id not in told_now]
    changes = [_intent(row, "resolve", now, step=CHANGED) for row in quietly]
    return [*said, *(replace(change, data={**change.data, "quiet": True}) for change in changes)]


def held_until(delivery: Delivery, now: datetime) -> datetime | None:
    """Until when a stand-down waits that a retry or a digest held up until quiet hours had begun; None: it goes."""
    if delivery.purpose != Purpose.STAND_DOWN or delivery.recipient_id is None or delivery.data.get("quiet"):
        return None
    person = load_people({delivery.recipient_id}).get(delivery.recipient_id)
    return quiet_until(person.quiet, person.time_zone, now) if person is not None else None


def _rank(kind: ChannelKind) -> int:
    return SEEN_FIRST.index(kind) if kind in SEEN_FIRST else len(SEEN_FIRST) + (kind == ChannelKind.EMAIL)


def _told(incident_ids: Collection[int]) -> list[_Notified]:
    """What of these episodes arrived somewhere, each destination once, in the order in which it was meant."""
    rows = Delivery.objects.filter(
        Q(state__in=NOTIFIED) | Q(state=DeliveryState.SENDING),
        incident_id__in=list(incident_ids),
        episode=F("incident__episode"),
        purpose__in=ASKING,
        destination__isnull=False,
    ).order_by("incident_id", "pk")
    found: dict[tuple[int, int | None, int], _Notified] = {}
    for values in rows.values(*_Notified.__slots__):
        row = _Notified(
            **{
                **values,
                "kind": ChannelKind(values["kind"]),
                "urgency": Urgency(values["urgency"]),
                "state": DeliveryState(values["state"]),
            }
        )
        before = found.get(key := (row.incident_id, row.recipient_id, row.destination_id))
        if before is None or READ_FIRST.index(row.state) < READ_FIRST.index(before.state):
            found[key] = row
    return list(found.values())


def _intent(row: _Notified, event: str, due_at: datetime, step: int = NO_STEP) -> Intent:
    return Intent(
        workspace_id=row.workspace_id,
        incident_id=row.incident_id,
        episode=row.episode,
        purpose=Purpose.STAND_DOWN,
        recipient_id=row.recipient_id,
        destination_id=row.destination_id,
        kind=row.kind,
        urgency=row.urgency,
        rank=Rank.ANNOUNCEMENT,
        data={"event": event},
        due_at=due_at,
        step=step,
    )
