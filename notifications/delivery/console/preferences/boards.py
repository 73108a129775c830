"""Template context of the page *My notifications*."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops.access.actors import Actor, Role
from aiops.access.models import Membership, User, Workspace
from aiops.kernel.validation import zones
from notifications.channels import CHANNELS
from notifications.channels.contracts import Channel
from notifications.choices import ChannelKind, Urgency
from notifications.delivery.console.destinations.boards import has_account, health_of
from notifications.delivery.contact import ABOUT_YOU, NO_MAIL_SERVER, Plan, plan
from notifications.delivery.models import ContactRule, Destination, Provider, QuietHours
from notifications.delivery.selectors.recipients import NO_ACCOUNTS, accounts, equipped, load_people
from notifications.oncall.windows import Window, hours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLES = {Urgency.HIGH: "A page", Urgency.LOW: "A message of low urgency"}


@dataclass(frozen=True, slots=True)
class OwnDestinationRow:
    """A destination of one's own. *proves*: a code proves it; *asked*: one was sent and is still good."""

    row: Destination
    text: str
    bad: bool
    mends: bool
    proves: bool
    asked: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The "call me" rules of an urgency, with empty places, and what comes of them now."""

    urgency: Urgency
    example: str
    lines: list[tuple[str, str]]  # minutes, the destination's id
    plan: Plan


def page(actor: Actor, user: User, now: datetime) -> dict[str, Any]:
    """Addresses, rules, quiet hours, the browser, the zone. A dozen queries."""
    rows = list(Destination.objects.filter(owner=user).order_by("kind", "label"))
    home = home_of(user)
    quiet = QuietHours.objects.filter(user=user).first()
    person = equipped(load_people([user.pk])[user.pk], accounts().get(home.pk, NO_ACCOUNTS) if home else NO_ACCOUNTS)
    saved: dict[str, list[tuple[str, str]]] = {}
    for rule in ContactRule.objects.filter(user=user):
        saved.setdefault(rule.urgency, []).append((str(rule.delay_minutes), str(rule.destination_id)))
    return {
        "own": [_own(row, now) for row in rows],
        "choices": [(str(row.pk), f"{row.get_kind_display()} {row.label}") for row in rows],
        "kinds": kinds_of(home),
        "rules": [
            Rules(urgency, EXAMPLES[urgency], [*saved.get(urgency, []), ("0" if not saved.get(urgency) else "", "")],
                  plan(person, urgency, now, voice=ABOUT_YOU))
            for urgency in Urgency
        ],
        "quiet": quiet,
        "quiet_said": hours(Window(tuple(quiet.days), quiet.begins, quiet.ends, user.time_zone)) if quiet else "",
        "weekdays": [(str(n), word, quiet is not None and n in quiet.days) for n, word in enumerate(DAYS)],
        "zones": sorted(zones()),
        "push_key": push_key(home),
        "may_set_up": home is not None and actor.may(Role.ADMIN, home.pk),
        "no_mail_server": NO_MAIL_SERVER,
        "email": user.email,
        "can_mail": person.mail_server,
        "now": now,
        "section": "notifications",
    }  # fmt: skip


def home_of(user: User) -> Workspace | None:
    """The workspace through whose accounts a person's own messages go when no incident says otherwise."""
    first = Membership.objects.filter(user=user).select_related("workspace").order_by("workspace_id").first()
    return first.workspace if first else Workspace.objects.order_by("pk").first()


def kinds_of(home: Workspace | None) -> list[tuple[Channel, bool]]:
    """The kinds that a person may add, and whether anything can be sent by them yet. A browser adds itself."""
    kinds = [channel for channel in CHANNELS.values() if channel.personal and channel.kind != ChannelKind.WEBPUSH]
    return [
        (channel, not channel.needs_provider or (home is not None and has_account(home, channel.kind)))
        for channel in kinds
    ]


def push_key(home: Workspace | None) -> str:
    """The key with which a browser subscribes; "" while web push is not set up."""
    account = Provider.objects.filter(workspace=home, kind=ChannelKind.WEBPUSH, is_default=True).first()
    return str(account.settings.get("public_key", "")) if account else ""


def _own(row: Destination, now: datetime) -> OwnDestinationRow:
    health = health_of(row, now)
    proves = row.verified_at is None
    asked = proves and bool(row.verify_digest) and row.verify_expires_at is not None and row.verify_expires_at > now
    return OwnDestinationRow(row, health.text, health.bad, health.mends, proves, asked)
