"""The people whom an actor may know of, and whether a page would reach them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from aiops.access.actors import Actor, Role
from aiops.access.models import Membership, User, Workspace
from notifications.choices import ChannelKind, Urgency
from notifications.delivery.contact import plan
from notifications.delivery.selectors.colleagues import MOST
from notifications.delivery.selectors.recipients import NO_ACCOUNTS, accounts, equipped, load_people, without_account
from notifications.escalation.models import UnreachableService

AGE = 5  # seconds that what is known of their reachability may be old


@dataclass(frozen=True, slots=True)
class Reachable:
    """Of the people who may be paged (operators and admins): how many a page would reach now, and why not the others.

    *mail*, *push*: whether mail and web push are set up wherever one looks; *services*: how many would reach nobody.
    """

    total: int
    reached: int
    missing: list[tuple[str, str]]
    mail: bool
    push: bool
    services: int

    @property
    def complete(self) -> bool:
        """Whether there is nothing to set up."""
        return 0 < self.total == self.reached and not self.services


def reachable(actor: Actor, now: datetime) -> Reachable:
    """Whom a page of high urgency would reach now, of the people of the actor's workspaces."""
    found = cache.get_or_set(f"console:reachable:{actor.workspace_ids}", lambda: _reachable(actor, now), AGE)
    assert isinstance(found, Reachable)
    return found


def _reachable(actor: Actor, now: datetime) -> Reachable:
    rows = Workspace.objects.order_by("pk")
    ids = list(
        (rows if actor.workspace_ids is None else rows.filter(pk__in=actor.workspace_ids)).values_list("pk", flat=True)
    )
    where: dict[int, list[int]] = defaultdict(list)
    members = Membership.objects.filter(workspace_id__in=ids, user__is_active=True).exclude(role=Role.VIEWER.value)
    for user_id, workspace_id in members.order_by("user_id").values_list("user_id", "workspace_id"):
        where[user_id].append(workspace_id)
    for pk in User.objects.filter(is_superuser=True, is_active=True).order_by("pk").values_list("pk", flat=True):
        where[pk] = ids
    kinds = accounts()
    missing = []
    for person in load_people(list(where)[:MOST]).values():
        has = frozenset[ChannelKind]().union(*(kinds.get(pk, NO_ACCOUNTS) for pk in where[person.id]))
        told = plan(equipped(person, has), Urgency.HIGH, now)
        if not any(not call.own.lacks for call in told.calls):
            missing.append((person.name, told.reason or "; ".join(told.warnings)))
    total = min(len(where), MOST)
    everywhere = [kinds.get(pk, NO_ACCOUNTS) for pk in ids]
    return Reachable(
        total=total,
        reached=total - len(missing),
        missing=sorted(missing),
        mail=not any(without_account(ChannelKind.EMAIL, has) for has in everywhere),
        push=not any(without_account(ChannelKind.WEBPUSH, has) for has in everywhere),
        services=UnreachableService.objects.filter(workspace_id__in=ids).count(),
    )
