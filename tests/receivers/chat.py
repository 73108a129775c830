"""Slack, Teams, Mattermost, Discord and Telegram, as far as we speak to them: what they check, refuse, limit and answer."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from tests.patience import PATIENCE
from tests.receivers.http import Answer, HttpReceiver, Request


class SlackReceiver(HttpReceiver):
    """``chat.postMessage`` and ``chat.update``; other paths are incoming webhooks. A click or a command is posted signed."""

    token = "xoxb-0000-tests"
    signing_secret = "slack-signing-secret"

    def __init__(self) -> None:
        super().__init__()
        self.channels = {"#noc": "C0NOC", "C0NOC": "C0NOC", "U0ANA": "D0ANA"}
        self.messages: dict[str, dict[str, Any]] = {}  # ts → body
        self._numbers = itertools.count(1)

    @property
    def api(self) -> str:
        return f"{self.url}/api/"

    def answer(self, request: Request) -> Answer:
        body = request.json
        if problem := self._invalid_blocks(body.get("blocks", [])):
            return Answer(200, {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": [problem]}})
        if not request.path.startswith("/api/"):
            return Answer(200, b"ok", {"Content-Type": "text/html"})
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(200, {"ok": False, "error": "invalid_auth"})
        channel = self.channels.get(
            body["channel"], body["channel"] if body["channel"] in self.channels.values() else ""
        )
        if not channel:
            return Answer(200, {"ok": False, "error": "channel_not_found"})
        ts = body.get("ts") or f"1700000000.{next(self._numbers):06}"
        if request.path.endswith("chat.update") and ts not in self.messages:
            return Answer(200, {"ok": False, "error": "message_not_found"})
        self.messages[ts] = {**body, "channel": channel}
        return Answer(200, {"ok": True, "channel": channel, "ts": ts})

    def click(
        self, hook_url: str, verb: str, request: Request, *, user: str = "U0ANA", at: int | None = None
    ) -> httpx.Response:
        """Press a button of the message that *request* posted."""
        buttons = [each for part in request.json["blocks"] if part["type"] == "actions" for each in part["elements"]]
        button = next(each for each in buttons if each["action_id"] == f"aiops:{verb}")
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": user.lower(), "team_id": "T0"},
            "team": {"id": "T0", "domain": "tests"},
            "channel": {"id": "C0NOC"},
            "container": {"type": "message", "message_ts": next(reversed(self.messages), "0"), "channel_id": "C0NOC"},
            "message": {"ts": next(reversed(self.messages), "0")},
            "response_url": f"{self.url}/response",
            "trigger_id": "1.2",
            "api_app_id": "A0",
            "actions": [{**button, "block_id": "aiops", "action_ts": "1700000001.000001"}],
        }
        return self.post(hook_url, {"payload": json.dumps(payload)}, at=at)

    def command(self, hook_url: str, text: str, *, user: str = "U0ANA") -> httpx.Response:
        """Type the slash command."""
        form = {"command": "/aiops", "text": text, "user_id": user, "user_name": user.lower(), "team_id": "T0"}
        return self.post(hook_url, {**form, "channel_id": "C0NOC", "response_url": f"{self.url}/response"})

    def post(self, url: str, form: dict[str, str], *, at: int | None = None, secret: str = "") -> httpx.Response:
        """Post a form as Slack signs it."""
        body, stamp = urlencode(form), str(at or int(time.time()))
        digest = hmac.new((secret or self.signing_secret).encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest.hexdigest()}",
        }
        return httpx.post(url, content=body, headers=headers, timeout=PATIENCE)

    @staticmethod
    def _invalid_blocks(blocks: list[dict[str, Any]]) -> str:
        if len(blocks) > 50:
            return "too many blocks"
        for part in blocks:
            text = part.get("text", {}).get("text", "")
            if part["type"] == "header" and not (0 < len(text) <= 150 and part["text"]["type"] == "plain_text"):
                return "header"
            if part["type"] == "section" and not 0 < len(text) <= 3000:
                return "section"
            if part["type"] not in ("header", "section", "actions", "context"):
                return "type"
            if part["type"] == "context" and not 0 < len(part["elements"]) <= 10:
                return "context"
            if part["type"] == "actions":
                ids = [each["action_id"] for each in part["elements"]]
                texts = [each["text"]["text"] for each in part["elements"]]
                urls = [each.get("url", "") for each in part["elements"]]
                if (
                    len(ids) != len(set(ids))
                    or len(ids) > 25
                    or max(map(len, texts)) > 75
                    or max(map(len, urls)) > 3000
                    or any(not re.match(r"https?://[^/\s]+", url) for url in urls if url)
                ):
                    return "actions"
        blocks_of = [part.get("block_id") for part in blocks if part.get("block_id")]
        return "" if len(blocks_of) == len(set(blocks_of)) else "block_id"


class TeamsReceiver(HttpReceiver):
    """A Workflows webhook: 202 for a card of at most 28 KB."""

    @property
    def hook(self) -> str:
        return f"{self.url}/workflows/0123456789abcdef/triggers/manual/paths/invoke?sig=teams-signature-of-the-workflow"

    def answer(self, request: Request) -> Answer:
        card = request.json["attachments"][0]
        good = len(request.body) <= 28 * 1024 and card["contentType"] == "application/vnd.microsoft.card.adaptive"
        good &= all(re.match(r"https?://[^/\s]+", each["url"]) for each in card["content"]["actions"])
        return (
            Answer(202)
            if good and len(card["content"]["actions"]) <= 6
            else Answer(400, {"error": {"code": "TriggerInputSchemaMismatch"}})
        )


class MattermostReceiver(HttpReceiver):
    """An incoming webhook."""

    @property
    def hook(self) -> str:
        return f"{self.url}/hooks/abcdefghijklmnopqrstuvwxyz"

    def answer(self, request: Request) -> Answer:
        if request.path != "/hooks/abcdefghijklmnopqrstuvwxyz":
            return Answer(
                400, {"id": "web.incoming_webhook.invalid.app_error", "message": "Invalid webhook", "status_code": 400}
            )
        texts = [request.json["text"], *(each["text"] for each in request.json.get("attachments", []))]
        if sum(map(len, texts)) > 16_383:
            return Answer(400, {"id": "text.length", "message": "text too long", "status_code": 400})
        return Answer(200, b"ok", {"Content-Type": "text/plain"})


class DiscordReceiver(HttpReceiver):
    """A channel's webhook: 204, or the message when it is asked to wait."""

    @property
    def hook(self) -> str:
        return f"{self.url}/api/webhooks/1234567890/token-of-it"

    def answer(self, request: Request) -> Answer:
        if request.path != "/api/webhooks/1234567890/token-of-it":
            return Answer(404, {"message": "Unknown Webhook", "code": 10015})
        body = request.json
        embeds = body.get("embeds", [])
        long = len(body.get("content", "")) > 2000 or len(embeds) > 10
        for embed in embeds:
            fields = embed.get("fields", [])
            parts = [embed.get("title", ""), embed.get("description", ""), embed.get("footer", {}).get("text", "")]
            parts += [text for each in fields for text in (each["name"], each["value"])]
            long |= len(parts[0]) > 256 or len(parts[1]) > 4096 or len(parts[2]) > 2048 or sum(map(len, parts)) > 6000
            long |= any(not 0 < len(each["name"]) <= 256 or not 0 < len(each["value"]) <= 1024 for each in fields)
        if long:
            return Answer(400, {"message": "Invalid Form Body", "code": 50035})
        # Reported of the real one: a host without a dot is no URL to it, and then the whole message is lost.
        bad = [n for n, embed in enumerate(embeds) if not _in_the_world(embed.get("url", "https://example.com"))]
        if bad:
            return Answer(400, {"embeds": [str(n) for n in bad]})
        return (
            Answer(200, {"id": "998877665544332211", "type": 0}) if request.query.get("wait") == "true" else Answer(204)
        )


def _in_the_world(url: str) -> bool:
    """Whether Discord and Telegram take *url*: at a name with a dot, which is no address and not of one machine."""
    host = urlsplit(url).hostname or ""
    return bool(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}", host)) and not host.endswith(".localhost")


class TelegramReceiver(HttpReceiver):
    """The Bot API's sendMessage."""

    token = "123456789:AAE-tests-tests-tests-tests-tests"

    def __init__(self) -> None:
        super().__init__()
        self.chats = {"-1001234567890", "42", "@noc_channel"}
        self.moved: dict[str, str] = {}  # number of a group → of the supergroup that it became
        self._numbers = itertools.count(100)

    def answer(self, request: Request) -> Answer:
        if request.path != f"/bot{self.token}/sendMessage":
            return Answer(404, {"ok": False, "error_code": 404, "description": "Not Found"})
        body = request.json
        if moved := self.moved.get(body["chat_id"]):
            return Answer(
                400,
                {
                    "ok": False,
                    "error_code": 400,
                    "description": "Bad Request: group chat was upgraded to a supergroup chat",
                    "parameters": {"migrate_to_chat_id": int(moved)},
                },
            )
        if body["chat_id"] not in self.chats:
            return self._bad("Bad Request: chat not found")
        shown = _Shown()
        shown.feed(body["text"])
        if shown.open or not shown.good:
            return self._bad("Bad Request: can't parse entities")
        if not 0 < len(shown.text) <= 4096:
            return self._bad("Bad Request: message is too long")
        for button in [each for row in body.get("reply_markup", {}).get("inline_keyboard", []) for each in row]:
            if not _in_the_world(button["url"]):
                return self._bad("Bad Request: inline keyboard button URL is invalid: Wrong HTTP URL")
        return Answer(200, {"ok": True, "result": {"message_id": next(self._numbers), "chat": {"id": body["chat_id"]}}})

    @staticmethod
    def _bad(description: str) -> Answer:
        return Answer(400, {"ok": False, "error_code": 400, "description": description})


class _Shown(HTMLParser):
    """What of Telegram's HTML is shown, and whether it is well-formed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.good, self.open = "", True, []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.good &= tag in ("b", "i", "u", "s", "a", "code", "pre")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.good &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
