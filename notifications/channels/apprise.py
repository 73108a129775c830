"""Whatever Apprise speaks to: an address is one of its URLs. Apprise runs in a helper process (``notifications.apprise_helper``),
one child for each message.

Apprise says only whether it worked; whose fault it was is read from what it logs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import httpx
from django.conf import settings

from aiops.kernel.errors import InvalidInput, Overloaded
from aiops.kernel.helper import Helper, Lost
from notifications.channels.contracts import Channel, Message, Outlet, PermanentFailure, Sent, TemporaryFailure
from notifications.channels.http_call import ACCOUNT, GONE, scrub
from notifications.channels.text import block, footer, line, unsaid
from notifications.choices import ChannelKind

LONGEST = 2000  # characters of a URL
BODY = 10_000  # characters; Apprise cuts what a service does not take
# Services that keep alerts take what only informs for the end of one: whatever is no end is a warning at least.
TYPES = {"critical": "failure", "high": "failure"}
HELPER = Helper("notifications.apprise_helper.work")

_SCHEME = re.compile(r"([a-z][a-z0-9]{1,19})://\S+", re.IGNORECASE)
_STATUS = re.compile(r"error[=: ]+(\d{3})\b", re.IGNORECASE)


def check_address(text: str) -> str:
    """A URL that Apprise understands, of a service that is not this machine."""
    url = text.strip()
    if len(url) > LONGEST or not _SCHEME.fullmatch(url):
        raise InvalidInput("address: expected an Apprise URL such as ntfys://host/topic.", field="address")
    try:
        answer = HELPER.ask(_request(url)).value
    except Lost as error:
        raise Overloaded("Apprise cannot be asked just now; try again.", data={"retry_after": 10}) from error
    if wrong := _what_is_wrong(answer):
        raise InvalidInput(f"address: {wrong}", field="address")
    return url


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Have Apprise send it."""
    severity = message.incident.severity.lower() if message.incident else ""
    links = "\n".join(f"{line(answer.label)}: {answer.url}" for answer in [*message.answers, *unsaid(message)])
    request = _request(outlet.address) | {
        "title": line(message.subject, 250),
        "body": "\n\n".join(filter(None, [block(message.text, BODY), links, footer(message)])),
        "kind": "success" if message.event == "resolve" else TYPES.get(severity, "warning"),
    }
    try:
        answer = HELPER.ask(request).value
    except Lost as error:
        if error.said:  # it was calling somebody
            raise TemporaryFailure("Apprise took too long or broke off.", unknown=True) from error
        raise TemporaryFailure("Apprise took too long or broke off before it called anybody.") from error
    if wrong := _what_is_wrong(answer):
        raise PermanentFailure(wrong)
    name = answer["name"]
    if not answer["taken"]:
        raise _failure(name, answer["words"], answer["refused"])
    if not answer["reached"]:  # it takes no messages of this kind, and calls that a success
        raise PermanentFailure(f"{name} sends nothing for messages of this kind.", address=False)
    return Sent()


def _request(url: str) -> dict[str, Any]:
    return {"url": url, "allow": list(settings.AIOPS_OUTBOUND_ALLOW)}


def _what_is_wrong(answer: dict[str, Any]) -> str:
    """What is wrong with the URL, as a sentence; "" when nothing is."""
    match answer["wrong"]:
        case "local":
            return "no service that Apprise may send to from here."
        case "unknown":
            return f"Apprise does not understand this {answer['scheme']}:// URL."
    return ""


def _failure(name: str, words: Sequence[str], refused: Sequence[str]) -> TemporaryFailure | PermanentFailure:
    if refused:
        return PermanentFailure(f"{name}: {refused[-1]}")
    statuses = [int(found) for text in words for found in _STATUS.findall(text)]
    reason = f"{name} did not take it{f': {scrub(words[-1])}' if words else ''}"
    if any(status in ACCOUNT or status in GONE for status in statuses):
        return PermanentFailure(reason)
    return TemporaryFailure(reason, unknown=not statuses)


CHANNEL = Channel(
    kind=ChannelKind.APPRISE,
    personal=True,
    shared=True,
    address_label="Apprise URL",
    address_help="One of the URLs at github.com/caronc/apprise; services of the machine itself are refused.",
    send=send,
    check_address=check_address,
    verifies=True,
)
