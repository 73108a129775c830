"""The Slack channel: blocks with buttons through a bot's token, or an incoming webhook's URL with signed links.

A button's ``action_id`` is ``aiops:<verb>`` and its ``value`` the delivery's id; Slack signs the click, so no token of
ours is needed. Buttons act when the app's signing secret is known and we have a public URL. Otherwise, and in webhooks,
they are signed links. A later state of an incident changes the first message and, unless it is only an acknowledgement,
is posted in its thread. Texts of strangers are plain text, in which Slack reads no markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import Checked, Line
from notifications.channels.contracts import (
    Answer,
    Asked,
    Channel,
    Message,
    Outlet,
    PermanentFailure,
    Sent,
    TemporaryFailure,
)
from notifications.channels.http_call import call, check_url, json_object, retry_after, rich_or_plain
from notifications.channels.text import block, fit, footer, incidents, line, opening, references, without_emoji
from notifications.choices import ChannelKind

API = "https://slack.com/api/"
TIMEOUT = 10.0  # seconds
HEADER, SECTION, FALLBACK, URL = 150, 3000, 3000, 3000  # Slack's limits
BUTTONS, LISTED = 8, 20  # ours: buttons of a row, incidents of a digest that are links

# Slack's words for what is the address's fault, and for what passes. Everything else is the account's.
ADDRESS_ERRORS = frozenset(
    ("channel_not_found", "is_archived", "not_in_channel", "user_not_found", "user_disabled", "cannot_dm_bot")
)
PASSING_ERRORS = frozenset(
    (
        "ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "service_unavailable",
        "request_timeout", "team_added_to_org",
    )
)  # fmt: skip
# It takes no such blocks, or no answer to that thread; the same as text in the channel it may take.
FORM_ERRORS = (
    "invalid_arg", "invalid_block", "invalid_attachment", "invalid_metadata", "invalid_payload", "msg_", "block", "metadata_",
    "no_text", "too_many_attachments", "thread_not_found", "cannot_reply", "restricted_action_non_threadable",
    "restricted_action_thread_locked",
)  # fmt: skip
# A message that can't be changed any more is told anew.
UPDATE_REFUSED = frozenset(("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"))

_CHANNEL = re.compile(r"[CDGUW][A-Z0-9]{2,20}")
_NAME = re.compile(r"#?[^\s#@<>&,\x00-\x1f\x7f]{1,80}")
_REF = re.compile(r"([CDG][A-Z0-9]{2,20}):(\d+\.\d+)")


def check_address(text: str) -> str:
    """A channel's or member's id, ``#channel``, or the URL of an incoming webhook."""
    address = text.strip()
    if address.lower().startswith(("http:", "https:")):
        return check_url(address)
    if _CHANNEL.fullmatch(address):
        return address
    if not _NAME.fullmatch(address):
        raise InvalidInput(
            "address: expected a channel (#noc or its id), a member's id, or an incoming webhook's URL.",
            field="address",
        )
    return f"#{address.lstrip('#')}"


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Post it; news of a message that is already there changes that one and goes into its thread.

    News that is *quiet* only changes what is there.
    """
    quiet = bool(message.data.get("quiet"))
    if outlet.address.startswith(("http:", "https:")):
        if not quiet:
            _post_to_webhook(message, outlet, http)
        return Sent(detail="Messages of a webhook can't be changed." if quiet else "")
    if not outlet.settings.get("token"):
        raise PermanentFailure("Slack: no bot token is set for this workspace.", address=False)
    before = _REF.fullmatch(message.previous_ref)
    if before is None:
        return Sent(detail="There is no message to change.") if quiet else _post(message, outlet, http)
    channel, ts = before.groups()
    if message.event != "trigger" and not message.previous_many:
        changed = _changed(message, outlet, http, channel, ts)
        if quiet or (changed and message.event == "acknowledge"):
            return Sent(ref=message.previous_ref)
    if quiet:
        return Sent(ref=message.previous_ref, detail="The message told of others too, and stays.")
    # A page that comes again must be seen in the channel, not only in a thread.
    _post(message, outlet, http, channel=channel, thread_ts=ts, reply_broadcast=message.event == "trigger")
    return Sent(ref=message.previous_ref)


def blocks(message: Message, *, act: bool) -> list[dict[str, Any]]:
    """The message as blocks; *act*: buttons act, else they are links."""
    parts: list[Block] = [
        HeaderBlock(text=PlainTextObject(text=line(message.subject, HEADER) or "(no title)", emoji=False))
    ]
    if body := block(message.text, SECTION):
        parts.append(SectionBlock(text=PlainTextObject(text=body, emoji=False)))
    if message.others:
        # Plain text has no links; these are our own words, and verbatim: Slack looks for nothing more in them.
        named = " · ".join(f"<{each.url}|{escape(each.name)}>" for each in incidents(message)[:LISTED])
        parts.append(SectionBlock(text=MarkdownTextObject(text=named, verbatim=True)))
    answers = {answer.verb: answer for answer in message.answers}  # Slack takes each action once
    if buttons := [*_open(message), *(_button(message, answer, act) for answer in answers.values())]:
        parts.append(ActionsBlock(block_id="aiops", elements=buttons[:BUTTONS]))
    if links := _links(message):
        parts.append(ActionsBlock(block_id="aiops-links", elements=links))
    parts.append(ContextBlock(elements=[PlainTextObject(text=footer(message), emoji=False)]))
    return [part.to_dict() for part in parts]


def escape(text: str) -> str:
    """The three characters that Slack asks to escape: without them there are no links, mentions or channels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _open(message: Message) -> list[ButtonElement]:
    link = opening(message)
    if link is None:
        return []
    return [ButtonElement(text=PlainTextObject(text=link.label), url=link.url, action_id="aiops:open")]


def _links(message: Message) -> list[ButtonElement]:
    """The runbook and dashboards, to tap on."""
    return [
        ButtonElement(
            text=PlainTextObject(text=line(each.label, 75), emoji=False), url=each.url, action_id=f"aiops:link-{place}"
        )
        for place, each in enumerate(references(message))
        if len(each.url) <= URL
    ]


def _button(message: Message, answer: Answer, act: bool) -> ButtonElement:
    text = PlainTextObject(text=line(answer.label, 75), emoji=False)
    style = "primary" if answer.verb == "acknowledge" else None
    action_id = f"aiops:{answer.verb}"
    if act:
        return ButtonElement(text=text, action_id=action_id, value=message.delivery_id, style=style)
    return ButtonElement(text=text, action_id=action_id, url=answer.url, style=style)


def _body(message: Message, outlet: Outlet) -> dict[str, Any]:
    act = bool(outlet.settings.get("signing_secret") and outlet.hook_url) and not message.others
    return {
        "text": _notification(message),
        "mrkdwn": False,
        "blocks": blocks(message, act=act),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(body: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """*body* without blocks and in no thread, for when Slack refuses either."""
    whole = f"{line(message.subject)}\n{block(message.text)}"
    text = fit(without_emoji(whole), FALLBACK, escape)
    rich = ("blocks", "thread_ts", "reply_broadcast")
    return {**{name: value for name, value in body.items() if name not in rich}, "text": text}


def _notification(message: Message) -> str:
    """What the phone's notification shows; where the blocks are shown, it is not."""
    return fit(without_emoji(line(message.subject)), FALLBACK, escape)


def _post(message: Message, outlet: Outlet, http: httpx.Client, *, channel: str = "", **thread: Any) -> Sent:
    body, to = {**_body(message, outlet), **thread}, channel or outlet.address
    answer = rich_or_plain(
        lambda: _api(http, outlet, "chat.postMessage", body, to),
        lambda: _api(http, outlet, "chat.postMessage", _plain(body, message), to),
    )
    return Sent(ref=f"{answer.get('channel', '')}:{answer.get('ts', '')}")


def _changed(message: Message, outlet: Outlet, http: httpx.Client, channel: str, ts: str) -> bool:
    """Whether the first message now says what *message* says."""
    body = {**_body(message, outlet), "ts": ts}
    plain = {**_plain(body, message), "blocks": []}  # without them Slack would keep the old ones
    try:
        rich_or_plain(
            lambda: _api(http, outlet, "chat.update", body, channel),
            lambda: _api(http, outlet, "chat.update", plain, channel),
        )
    except PermanentFailure as error:
        if any(word in error.reason for word in UPDATE_REFUSED):
            return False
        raise
    return True


def _api(http: httpx.Client, outlet: Outlet, method: str, body: Mapping[str, Any], channel: str) -> dict[str, Any]:
    """Call a method of the Web API; Slack says what went wrong in a 200."""
    response = call(
        http,
        "POST",
        str(outlet.settings.get("base_url") or API) + method,
        who="Slack",
        json={**body, "channel": channel},
        headers={"Authorization": f"Bearer {outlet.settings['token']}"},
        timeout=TIMEOUT,
    )
    answer = json_object(response)
    if answer.get("ok") is True:
        return answer
    error = line(str(answer.get("error") or "no reason given"), 100)
    reason = f"Slack refused it: {error}"
    if error in PASSING_ERRORS:
        raise TemporaryFailure(reason, retry_after=retry_after(response.headers))
    raise PermanentFailure(reason, address=error in ADDRESS_ERRORS, form=error.startswith(FORM_ERRORS))


def _post_to_webhook(message: Message, outlet: Outlet, http: httpx.Client) -> None:
    body = _body(message, Outlet(kind=outlet.kind, address=outlet.address))  # a webhook's buttons can only be links

    def post(body: Mapping[str, Any]) -> httpx.Response:
        said = ""

        def explain(answer: httpx.Response) -> str:
            nonlocal said
            said = answer.text.strip()
            return ""

        try:
            return call(
                http,
                "POST",
                outlet.address,
                who="Slack",
                secret_address=True,
                explain=explain,
                json=body,
                timeout=TIMEOUT,
            )
        except PermanentFailure as error:
            raise PermanentFailure(error.reason, address=error.address, form=said.startswith(FORM_ERRORS)) from error

    rich_or_plain(lambda: post(body), lambda: post(_plain(body, message)))


def check_base_url(text: str) -> str:
    """The Web API's address, ending in a slash."""
    return check_url(text).rstrip("/") + "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An app of a Slack workspace."""

    token: Annotated[
        Line,
        Asked(
            "Bot token",
            "Starts with xoxb-; the scope chat:write, and chat:write.public for public channels.",
            secret=True,
        ),
    ]
    signing_secret: Annotated[
        Line,
        Asked("Signing secret", "Under “Basic Information” of the app; without it the buttons are links.", secret=True),
    ] = ""
    base_url: Annotated[str, Checked(check_base_url), Asked("API address", "Only for GovSlack or a proxy.")] = API


CHANNEL = Channel(
    kind=ChannelKind.SLACK,
    personal=True,
    shared=True,
    address_label="Channel, member id or webhook URL",
    address_help="#noc, C0123456789 or U0123456789 with a bot token; or the URL of an incoming webhook, which needs none.",
    send=send,
    check_address=check_address,
    account=Account,
    verifies=True,
    updates=True,
    ordered=True,
)
