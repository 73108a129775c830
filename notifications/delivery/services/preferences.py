"""Verbs on a person's contact rules and quiet hours, for the person and for superusers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import time
from typing import Any

from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import User
from aiops.audit.recording import Object
from aiops.audit.snapshot import plain
from aiops.audit.verbs import about, audited, says
from aiops.kernel.errors import InvalidInput, NotPermitted
from notifications.choices import Urgency
from notifications.delivery.models import ContactRule, Destination, QuietHours

MOST_RULES = 20
LONGEST_DELAY = 24 * 60  # minutes


@audited("user.set_contact_rules")
def set_contact_rules(
    *, actor: Actor, user: User, urgency: Urgency, rules: Sequence[tuple[int, int]]
) -> list[ContactRule]:
    """Replace the person's rules of *urgency*: pairs of minutes and the id of a destination of theirs.

    No rule: everything of theirs that works is used at once. Raises :class:`InvalidInput` naming the rule.
    """
    _require(actor, user)
    if len(rules) > MOST_RULES:
        raise InvalidInput(f"rules: at most {MOST_RULES}.", field="rules")
    own = set(Destination.objects.filter(owner=user).values_list("pk", flat=True))
    for place, (minutes, destination_id) in enumerate(rules):
        if not 0 <= minutes <= LONGEST_DELAY:
            raise InvalidInput.at(("rules", place, "minutes"), f"expected 0 to {LONGEST_DELAY}.")
        if destination_id not in own:
            raise InvalidInput.at(("rules", place, "destination"), "expected one of your own destinations.")
        if destination_id in {pk for _, pk in rules[:place]}:
            raise InvalidInput.at(
                ("rules", place, "destination"), "it has a rule already; a step that repeats calls it again."
            )
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    present = ContactRule.objects.filter(user=user, urgency=urgency)
    about(
        Object.of(user),
        {f"{urgency}_rules": [list(one) for one in present.values_list("delay_minutes", "destination")]},
    )
    says(**{f"{urgency}_rules": sorted(list(one) for one in rules)})
    present.delete()
    return ContactRule.objects.bulk_create(
        ContactRule(user=user, urgency=urgency, delay_minutes=minutes, destination_id=destination_id)
        for minutes, destination_id in rules
    )


@audited("user.set_quiet_hours")
def set_quiet_hours(
    *, actor: Actor, user: User, begins: time | None, ends: time | None, days: Collection[int] = ()
) -> QuietHours | None:
    """When messages of low urgency wait, on the person's clock; no *begins* and *ends*: never."""
    _require(actor, user)
    present = QuietHours.objects.filter(user=user).first()
    about(Object.of(user), {"quiet_hours": _told(present)})
    if begins is None and ends is None:
        says(quiet_hours=None)
        QuietHours.objects.filter(user=user).delete()
        return None
    if begins is None or ends is None or begins == ends:
        raise InvalidInput(
            "quiet hours: expected when they begin and when they end, at different times.", field="begins"
        )
    if not all(0 <= day <= 6 for day in days):
        raise InvalidInput("days: expected weekdays from 0 (Monday) to 6.", field="days")
    row, _ = QuietHours.objects.update_or_create(
        user=user, defaults={"begins": begins, "ends": ends, "days": sorted(set(days))}
    )
    says(quiet_hours=_told(row))
    return row


def _told(row: QuietHours | None) -> dict[str, Any] | None:
    return {"begins": plain(row.begins), "ends": plain(row.ends), "days": row.days} if row is not None else None


def _require(actor: Actor, user: User) -> None:
    mine = actor.kind == ActorKind.USER and actor.id == str(user.pk)
    if not mine and actor.everywhere != Role.ADMIN:
        raise NotPermitted("How somebody is told is theirs to say.")
