"""Values between planning, sending and channels: message, outlet, receipt, failure. Immutable; no ORM."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_type_hints

import httpx

from notifications.choices import ChannelKind, DeliveryState, Purpose, Urgency

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFacts:
    """What a message may say of an incident. *severity*, *priority* and *status* are words; *url* is its page in the console."""

    id: str
    name: str
    title: str
    severity: str
    priority: str
    status: str
    service: str
    created_at: datetime
    url: str
    description: str = ""
    where: str = ""  # namespace, pod, deployment or resource, as the list shows it
    source: str = ""
    occurrences: int = 1
    runbook_url: str = ""
    links: tuple[tuple[str, str], ...] = ()  # label and URL: dashboards, the source's own page
    labels: Mapping[str, str] = field(default_factory=dict)
    acknowledged_by: str = ""
    resolved_by: str = ""
    resolution: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Something the reader may do: the word of a *verb* (acknowledge, resolve, …) and the signed link that asks first.

    *key* is pressed for it in a call ("": none is).
    """

    verb: str
    label: str
    url: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, rendered, before a channel puts it into its own form.

    *delivery_id* (``dlv-…``) is the idempotency key. *text* is plain and complete but for the *answers*, which each channel puts
    into its own form (buttons, links); *html* is the same as a fragment, *short* fits a text message (160 characters),
    and *spoken* is what a call says ("": the short one). *created_at* is when it was meant, *sent_at* when it is handed over.
    *event* is trigger, acknowledge or resolve for outlets that keep state of their own; *dedup_key* names the problem to them.
    *covers* is how many incidents an answer takes, all that the message tells of and that can still be answered; 0: it can't be
    answered, and must not ask.
    *previous_ref* is what the provider called the message of this incident that went there first (to thread or update it),
    and *previous_many* says that it told of other incidents too, so that it must stay as it is.
    *reply_code* is what a text message may be answered with, *reply_token* the same for e-mail (``reply+<token>@…``).
    *next_step* says what happens if this is ignored ("" when nothing).
    *others* are the incidents of a digest beside *incident*.
    """

    delivery_id: str
    purpose: Purpose
    urgency: Urgency
    subject: str
    text: str
    short: str
    created_at: datetime
    sent_at: datetime | None = None
    spoken: str = ""
    html: str = ""
    incident: IncidentFacts | None = None
    others: tuple[IncidentFacts, ...] = ()
    answers: tuple[Answer, ...] = ()
    covers: int = 0
    event: str = "trigger"
    dedup_key: str = ""
    previous_ref: str = ""
    previous_many: bool = False
    reply_code: int | None = None
    reply_token: str = field(default="", repr=False)
    next_step: str = ""
    attempt: int = 1
    maybe_twice: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asks(self) -> bool:
        """Whether it asks for an answer."""
        return bool(self.covers or self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """Where a message goes: the address, the provider account's settings in clear, and the signing secret if there is one.

    *hook_url* is the address at which the provider may answer us ("" when we have no public URL).
    """

    kind: ChannelKind
    address: str
    label: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secret: str = field(default="", repr=False)
    hook_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. *ref* is how it calls the message; *state* is more than sent where it confirms delivery at once.

    *moved_to*: the address that the destination has from now on, as the provider says.
    """

    ref: str = ""
    state: DeliveryState = DeliveryState.SENT
    detail: str = ""
    moved_to: str = ""

    def __post_init__(self) -> None:
        for name in ("ref", "detail"):
            object.__setattr__(self, name, _storable(getattr(self, name)))


def _storable(text: str) -> str:
    """What a provider said, without what no database takes: an outcome that can't be written down would be sent again."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


class SendFailure(Exception):
    """The provider did not take it; *reason* is a sentence for people, without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = _storable(reason)[:500]


class TemporaryFailure(SendFailure):
    """Try again, after *retry_after* seconds when the provider says so. *unknown*: it may have been taken (no answer came)."""

    def __init__(self, reason: str, *, retry_after: float | None = None, unknown: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.unknown = unknown


class PermanentFailure(SendFailure):
    """Trying again is of no use: a wrong address, a revoked token. *address* False: the account is at fault, not the address.

    *form*: the provider refuses how it was said; said more plainly, it may be taken.
    """

    def __init__(self, reason: str, *, address: bool = True, form: bool = False) -> None:
        super().__init__(reason)
        self.address = address
        self.form = form


@dataclass(frozen=True, slots=True)
class Asked:
    """How forms ask for a setting of a provider account: metadata of its field in a channel's ``account``."""

    label: str
    help: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Setting(Asked):
    """One setting of a provider account. Without a *default* it is *required*."""

    name: str = ""
    required: bool = True
    default: str = ""


@cache
def settings_of(account: type) -> tuple[Setting, ...]:
    """The settings of an account, in the order of its fields."""
    hints, found = get_type_hints(account, include_extras=True), []
    for each in fields(account):
        asked = next(part for part in hints[each.name].__metadata__ if isinstance(part, Asked))
        default = "" if each.default is MISSING else str(each.default)
        found.append(Setting(asked.label, asked.help, asked.secret, each.name, each.default is MISSING, default))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A kind of outlet: what it needs, what it can do, and how it sends. The registry is ``channels.CHANNELS``.

    *send(message, outlet, http)* raises :class:`TemporaryFailure` or :class:`PermanentFailure`; it may block for seconds and
    never touches the database. *check_address(text)* returns the address in its one form or raises ``InvalidInput`` with the
    field ``address``. *personal*, *shared*: whose destinations it fits. *bundles*: in a storm several pages become one digest
    (people want that, machines do not). *confirms*: receipts follow, so that "delivered" can be known. *keyed*: the delivery's id
    is an idempotency key there, so that sending again after an unknown end does no harm. *ordered*: what is said of one incident
    must arrive in the order in which it happened. *patience*: how long a message is tried again, None: as its purpose says.
    *drops*: so many messages given up in a row switch a destination off, 0: never.
    *account*: a dataclass of texts, each annotated with :class:`Asked`. *make_settings*: those settings of an account
    that nobody knows but we (a key pair), made once when it is set up.
    """

    kind: ChannelKind
    personal: bool
    shared: bool
    address_label: str
    send: Callable[[Message, Outlet, httpx.Client], Sent]
    check_address: Callable[[str], str]
    address_help: str = ""
    account: type | None = None
    needs_provider: bool = False
    verifies: bool = False  # a personal address must be proven with a code before it is used
    signs: bool = False  # each destination has a signing secret of its own
    bundles: bool = True
    confirms: bool = False
    updates: bool = (
        False  # acknowledge and resolve are sent too, to whoever was told (PagerDuty, Opsgenie, webhook, Slack)
    )
    keyed: bool = False
    ordered: bool = False
    patience: timedelta | None = None
    drops: int = 0
    make_settings: Callable[[], Mapping[str, str]] | None = None

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What an account needs; nothing where the channel knows of none."""
        return settings_of(self.account) if self.account is not None else ()
