"""The log channel: one line for each message on the logger ``aiops.paging``. It is its own receipt."""

from __future__ import annotations

import logging
import re

import httpx

from aiops.kernel.errors import InvalidInput
from notifications.channels.contracts import Channel, Message, Outlet, Sent
from notifications.channels.text import incidents, line
from notifications.choices import ChannelKind, DeliveryState

log = logging.getLogger("aiops.paging")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


def check_address(text: str) -> str:
    """A name under which the lines stand; empty: ``paging``."""
    name = text.strip() or "paging"
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "address: expected a short name of letters, digits, blanks, dots and dashes.", field="address"
        )
    return name


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Write the line; nothing can go wrong that a second try would mend."""
    names = " ".join(line(incident.name, 40) for incident in incidents(message)) or "-"
    log.info(
        "%s: %s %s %s %s: %s",
        outlet.address,
        message.purpose,
        message.delivery_id,
        message.event,
        names,
        line(message.subject, 500),
    )
    return Sent(state=DeliveryState.DELIVERED, detail="Written to the log.")


CHANNEL = Channel(
    kind=ChannelKind.LOG,
    personal=False,
    shared=True,
    address_label="Name",
    address_help="Stands at the start of each line; “paging” when empty.",
    send=send,
    check_address=check_address,
    bundles=False,
    confirms=True,
    keyed=True,
)
