"""The SMS and voice channels: Twilio's REST API, or a service that speaks it.

Twilio posts states and replies to the outlet's *hook_url*; ``?delivery=dlv-…`` names the delivery, since a post may
overtake the answer to our own request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

import httpx

from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import Checked, Line
from notifications.channels import phone
from notifications.channels.contracts import Asked, Channel, Message, Outlet, PermanentFailure, Sent
from notifications.channels.http_call import Url, call, json_object
from notifications.channels.text import answered, clip, fit, is_link, line, taken
from notifications.choices import ChannelKind, Purpose

API = "https://api.twilio.com"
VERSION = "2010-04-01"
TIMEOUT = 15.0  # seconds
SMS, SHORT, SPOKEN = 1600, 160, 1200  # what Twilio takes; places of what happened; what is read out (of 4000 in TwiML)
RING = 40  # seconds that a phone rings
# Twilio's numbers for what is the number's fault: not valid, not reachable, not mobile, opted out, not allowed to be called.
ADDRESS_CODES = frozenset((13223, 13224, 21211, 21214, 21217, 21401, 21408, 21610, 21612, 21614, 21635))
KEYS = "Press 4 to acknowledge, 6 to resolve, 8 to escalate."  # hooks/twilio.py reads them
OWN_KEYS = ("", "4", "6", "8")
TAKEN_KEYS = "Press 6 to resolve, 8 to escalate."

_ILLEGAL_IN_XML = re.compile("[\ufffe\uffff]")
_NAME = re.compile(r"\b([A-Z]{2,5})-(\d+)-(\d+)\b")  # of an incident
_NUMBER = re.compile(r"\d{5,}")  # a code, an account: nobody knows it as "two hundred ninety-eight thousand …"


def send_sms(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Send a text message."""
    sender = str(outlet.settings.get("sender", ""))
    form = {"To": outlet.address, "Body": sms_text(message, outlet)}
    form["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
    if outlet.hook_url:
        form["StatusCallback"] = _hook(message, outlet)
    return _create("Messages", form, outlet, http)


def sms_text(message: Message, outlet: Outlet) -> str:
    """The text: what happened, what to answer (if answers reach us), and a link to acknowledge with."""
    lines = [phone.fit_places(phone.plain(line(message.short)), SHORT)]
    if message.reply_code is not None and message.asks and _takes_answers(outlet):
        what = f" for {words}" if (words := answered(message)) else ""
        acknowledge = "" if taken(message) else f'"ack {message.reply_code}" or '
        lines.append(f'Reply {acknowledge}"resolve {message.reply_code}"{what}.')
    if message.purpose == Purpose.OWNER_NOTICE and is_link(url := str(message.data.get("url", ""))):
        lines.append(url)  # whole: a link that is cut leads nowhere
    lines += [answer.url for answer in message.answers if answer.verb == "acknowledge"][:1]
    return clip("\n".join(lines), SMS)


def _takes_answers(outlet: Outlet) -> bool:
    return bool(outlet.hook_url) and phone.takes_answers(str(outlet.settings.get("sender", "")), outlet.address)


def send_voice(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Call and read it out; a key acknowledges or resolves."""
    sender = str(outlet.settings.get("sender", ""))
    try:
        phone.check_caller(sender or "+")
    except InvalidInput as error:
        raise PermanentFailure(f"Twilio: {error.message}", address=False) from error
    form = {"To": outlet.address, "From": sender, "Twiml": twiml(message, outlet)}
    form["Timeout"] = str(RING)
    if outlet.hook_url:
        form["StatusCallback"] = _hook(message, outlet)
        form["StatusCallbackEvent"] = "completed"
    return _create("Calls", form, outlet, http)


def twiml(message: Message, outlet: Outlet) -> str:
    """What the call says, twice, and which keys it waits for. Nothing in the text can become markup."""
    words = say(_ILLEGAL_IN_XML.sub("", line(message.spoken or message.short)))
    spoken = f"<Say>{fit(words, SPOKEN, escape)}</Say>"
    if message.asks and outlet.hook_url:
        words = answered(message, "incidents")
        keys = f"<Say>{_keys(message)}{f' They count for {say(escape(words))}.' if words else ''}</Say>"
        hook = quoteattr(_hook(message, outlet))
        # Without a key, too, we are asked how to go on: hooks/twilio.py asks again.
        gather = f'<Gather numDigits="1" timeout="8" actionOnEmptyResult="true" action={hook} method="POST">'
        inner = f"{gather}{spoken}{keys}{spoken}{keys}</Gather><Say>No key was pressed. Goodbye.</Say>"
    else:
        inner = f'{spoken}<Pause length="1"/>{spoken}'
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'


def _keys(message: Message) -> str:
    """Which keys do what: ours, and those of the other verbs that the message offers."""
    more = [
        f"Press {each.key} to {line(each.label, 40).lower()}." for each in message.answers if each.key not in OWN_KEYS
    ]
    return escape(" ".join([TAKEN_KEYS if taken(message) else KEYS, *more]))


def say(text: str) -> str:
    """*text* as a voice should read it: codes and the names of incidents digit by digit."""
    text = _NAME.sub(lambda found: ", ".join(" ".join(part) for part in found.groups()), text)
    return _NUMBER.sub(lambda found: ", ".join(found[0]), text)


def _hook(message: Message, outlet: Outlet) -> str:
    joint = "&" if "?" in outlet.hook_url else "?"
    return f"{outlet.hook_url}{joint}{urlencode({'delivery': message.delivery_id})}"


def _create(what: str, form: dict[str, str], outlet: Outlet, http: httpx.Client) -> Sent:
    settings = outlet.settings
    account = str(settings.get("account_sid", ""))
    if not (account and settings.get("auth_token") and settings.get("sender")):
        raise PermanentFailure("Twilio: account, token or sender is missing in this workspace.", address=False)
    base = str(settings.get("base_url") or API).rstrip("/")
    try:
        response = call(
            http,
            "POST",
            f"{base}/{VERSION}/Accounts/{quote(account, safe='')}/{what}.json",
            who="Twilio",
            explain=_words,
            data=form,
            auth=(account, str(settings["auth_token"])),
            timeout=TIMEOUT,
        )
    except PermanentFailure as error:
        found = re.search(r"\[(\d{5})\]", error.reason)
        code = int(found.group(1)) if found else 0
        raise PermanentFailure(error.reason, address=code in ADDRESS_CODES) from error
    answer = json_object(response)
    said = f"Twilio: {line(str(answer.get('status', '')), 40)}"
    if what == "Messages":
        count = phone.parts(form["Body"])
        said += f", {count} part{'' if count == 1 else 's'}"
    return Sent(ref=str(answer.get("sid") or "")[:100], detail=said)


def _words(response: httpx.Response) -> str:
    answer: dict[str, Any] = json_object(response)
    return f"{answer.get('message', '')} [{answer.get('code', '')}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Twilio account that sends texts."""

    account_sid: Annotated[Line, Asked("Account SID", "Starts with AC.")]
    auth_token: Annotated[Line, Asked("Auth token", "Also proves that what comes back is from Twilio.", secret=True)]
    sender: Annotated[
        str,
        Checked(phone.check_sender),
        Asked(
            "From",
            "A number of the account such as +15551234567, a messaging service MG…, a short code or a name. "
            "Nobody can answer to a name or a short code.",
        ),
    ]
    base_url: Annotated[Url, Asked("API address", "Only for another service with Twilio's API.")] = API


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingAccount(Account):
    """A Twilio account that calls."""

    sender: Annotated[
        str,
        Checked(phone.check_caller),
        Asked("From", "A number of the account that can call, such as +15551234567."),
    ]


HELP = "With the country, such as +4930123456."

SMS_CHANNEL = Channel(
    kind=ChannelKind.SMS,
    personal=True,
    shared=True,
    address_label="Phone number",
    address_help=HELP,
    send=send_sms,
    check_address=phone.check_number,
    account=Account,
    needs_provider=True,
    verifies=True,
    confirms=True,
)
VOICE_CHANNEL = Channel(
    kind=ChannelKind.VOICE,
    personal=True,
    shared=True,
    address_label="Phone number",
    address_help=HELP,
    send=send_voice,
    check_address=phone.check_number,
    account=CallingAccount,
    needs_provider=True,
    verifies=True,
    confirms=True,
)
