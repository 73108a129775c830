"""The hook of Slack, ``/hooks/slack/<key>``: clicks on buttons, and the slash command.

Every post is signed by Slack, recent, and accepted once. The person is found by their own Slack destination (their
member id), else by the e-mail address of their Slack profile. Only that person sees the answer.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse, JsonResponse

from aiops.access.models import User
from aiops.kernel import http
from aiops.kernel.errors import DomainError, UnparsableBody
from notifications.channels.slack import API, escape
from notifications.choices import ChannelKind
from notifications.delivery.verbs import ReplyVerb, find
from notifications.replies import signatures
from notifications.replies.commands import Command, read
from notifications.replies.hooks.entry import Call, hook, plain
from notifications.replies.services import responding, senders, text_commands
from notifications.replies.signatures import BadSignature

log = logging.getLogger(__name__)

WHO = 1.2  # seconds that asking Slack for a profile may take; it waits three for all of our answer
TELL = 1.2  # … and telling what came of a click
REMEMBERED = 600  # seconds
ACTION = "aiops:"
STRANGER = (
    "Nothing was done. I do not know you: add your Slack member id to your notification settings in the console, "
    "or have there the e-mail address that Slack knows."
)


@hook(ChannelKind.SLACK)
def slack(call: Call) -> HttpResponse:
    """A click, a command, or Slack's question whether we are here."""
    signatures.slack(
        str(call.settings.get("signing_secret", "")),
        call.body,
        timestamp=call.header("X-Slack-Request-Timestamp"),
        signature=call.header("X-Slack-Signature"),
        now=call.now,
    )
    if call.body.lstrip().startswith(b"{"):
        return _challenge(call)
    form = call.form()
    if "payload" in form:
        return _click(call, form.get("payload", ""))
    if "command" in form:
        return _command(call, plain(form.get("user_id", ""), 50), _unescaped(plain(form.get("text", ""), 3000)))
    raise UnparsableBody("Expected a payload or a command")


def _once(call: Call) -> None:
    """A request is good once; raises :class:`BadSignature`. In the transaction of what it does."""
    digest = hashlib.sha256(b"slack:" + call.header("X-Slack-Signature").encode()).hexdigest()
    if not responding.first_time(digest, "Slack", call.now):
        raise BadSignature("This request was seen before")


def _challenge(call: Call) -> HttpResponse:
    """Slack proves that the address is ours before it uses it for events."""
    body = _object(call.body)
    return JsonResponse({"challenge": plain(str(body.get("challenge", "")), 500)})


def _command(call: Call, member: str, text: str) -> HttpResponse:
    """``/aiops ack INC-…``, ``list``, ``oncall``, ``help``."""
    user = _person(call, member)
    if user is None:
        return _ephemeral([STRANGER])
    said = read(text) if text.strip() else (Command(other="help"),)
    with transaction.atomic():
        _once(call)
        reply = text_commands.carry_out(user=user, workspace_id=call.workspace_id, said=said, now=call.now, via="Slack")
    return _ephemeral(reply.lines)


def _click(call: Call, payload: str) -> HttpResponse:
    body = _object(payload.encode("utf-8", "replace"))
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    word = str(action.get("action_id", "")).removeprefix(ACTION)
    verb = find(word)
    if body.get("type") != "block_actions" or verb is None:
        return HttpResponse()  # a button that is a link, or a part of another app
    member = body.get("user")
    user = _person(call, plain(str(member.get("id", "")), 50) if isinstance(member, dict) else "")
    said = STRANGER
    if user is not None:
        with transaction.atomic():
            _once(call)
            said = _act(call, user, verb, str(action.get("value", "")))
    _tell(str(body.get("response_url", "")), said)
    return HttpResponse()


def _act(call: Call, user: User, verb: ReplyVerb, public_id: str) -> str:
    """Do what a button says to all that its message told of."""
    try:
        found = responding.incidents_of_message(public_id, call.workspace_id)
        if verb.needs_text:
            return f"Write it as a command: /aiops {verb.word} {', '.join(each.name for each in found)} …"
        answers = responding.respond_all(user, found, verb.word, call.now, via="Slack")
        return " ".join(responding.summary(verb.word, answers, call.now))
    except DomainError as refused:
        return f"{responding.NOTHING} {text_commands.sentence(refused)}"


def _person(call: Call, member: str) -> User | None:
    """Who a Slack member is among us."""
    if not member:
        return None
    return senders.owner_of(ChannelKind.SLACK, member) or senders.by_email(_email_of(call, member), call.workspace_id)


def _email_of(call: Call, member: str) -> str:
    """The e-mail address of a member's profile, as Slack says; "" when it does not (that takes the scope users:read.email)."""
    token = str(call.settings.get("token", ""))
    key = f"slack-email:{call.provider.pk}:{member}"
    if (known := cache.get(key)) is not None or not token:
        return known or ""
    try:
        with http.client(WHO) as client:
            response = client.get(
                str(call.settings.get("base_url") or API) + "users.info",
                params={"user": member},
                headers={"Authorization": f"Bearer {token}"},
            )
        profile = response.json()["user"]["profile"]
        email = str(profile.get("email") or "")
    except (httpx.HTTPError, DomainError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("Slack does not say who %s is: %s", member, type(error).__name__)
        return ""
    cache.set(key, email, REMEMBERED)
    return email


def _tell(url: str, said: str) -> None:
    """Say what came of a click to whoever clicked. If that fails, the message itself still changes when the incident does."""
    if not url:
        return
    try:
        with http.client(TELL) as client:
            client.post(url, json={"response_type": "ephemeral", "replace_original": False, "text": escape(said)})
    except (httpx.HTTPError, httpx.InvalidURL, DomainError, OSError) as error:
        log.warning("Slack could not be told what came of a click: %s", type(error).__name__)


def _unescaped(text: str) -> str:
    """What was typed: Slack sends three signs as it wants them back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _ephemeral(lines: Sequence[str]) -> HttpResponse:
    return JsonResponse({"response_type": "ephemeral", "text": escape("\n".join(lines))})


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise UnparsableBody("The payload is not valid JSON") from None
    if not isinstance(value, dict):
        raise UnparsableBody("The payload must be a JSON object")
    return value
