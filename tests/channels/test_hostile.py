"""Titles are written by whoever can reach a monitoring tool: nothing in them becomes markup, a mention, a header or too long."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import httpx
import pytest

from notifications.channels import CHANNELS
from notifications.channels.contracts import Outlet, Sent
from notifications.channels.text import block, clip, clip_bytes, fit, line, markdown
from notifications.choices import ChannelKind
from tests.channels.samples import HOSTILE, HTTP, LONG, hostile
from tests.receivers import Receivers, Request

KINDS = pytest.mark.parametrize("kind", HTTP, ids=str)
HOOK = "https://noc.example.com/hooks/key?a=1&b=2"


def send(kind: ChannelKind, text: str, world: Receivers, http: httpx.Client) -> Request:
    CHANNELS[kind].send(hostile(text), HTTP[kind].outlet(kind, world, hook_url=HOOK), http)
    return HTTP[kind].receiver(world).requests[-1]


@KINDS
@pytest.mark.parametrize(
    "text", [HOSTILE, LONG, "", " \n ", "\u0000", "😀" * 5000], ids=["hostile", "long", "", "blank", "nul", "wide"]
)
def test_every_provider_takes_whatever_a_title_says(
    kind: ChannelKind, text: str, receivers: Receivers, http: httpx.Client
) -> None:
    """The receivers check lengths and form as the providers do."""
    message = hostile(text)
    sent = CHANNELS[kind].send(message, HTTP[kind].outlet(kind, receivers, hook_url=HOOK), http)
    assert isinstance(sent, Sent)


def test_slack_sees_no_mention_and_no_link(receivers: Receivers, http: httpx.Client) -> None:
    request = send(ChannelKind.SLACK, HOSTILE, receivers, http).json
    blocks = request["blocks"]
    assert {part["text"]["type"] for part in blocks[:2]} == {"plain_text"}
    assert {part["text"]["emoji"] for part in blocks[:2]} == {False}
    assert "&lt;!channel&gt;" in request["text"] and "<" not in request["text"] and request["mrkdwn"] is False


def test_telegram_sees_no_tag(receivers: Receivers, http: httpx.Client) -> None:
    text = send(ChannelKind.TELEGRAM, HOSTILE, receivers, http).json["text"]
    assert set(re.findall(r"</?(\w+)", text)) == {"b", "i"}


@pytest.mark.parametrize("kind", [ChannelKind.MATTERMOST, ChannelKind.DISCORD], ids=str)
def test_markdown_is_shown_not_read(kind: ChannelKind, receivers: Receivers, http: httpx.Client) -> None:
    got = send(kind, HOSTILE, receivers, http).body.decode()
    assert "@everyone" not in got and r"\\*\\*bold" in got and r"\\[x\\](http://evil" in got and r"\\`code" in got


def test_teams_reads_no_markdown_in_text_runs(receivers: Receivers, http: httpx.Client) -> None:
    card = send(ChannelKind.TEAMS, HOSTILE, receivers, http).json["attachments"][0]["content"]
    assert {part["type"] for part in card["body"]} == {"Container", "RichTextBlock"}
    assert {part["type"] for part in card["body"][0]["items"]} == {"RichTextBlock"}


def test_a_call_hangs_up_when_we_say_so(receivers: Receivers, http: httpx.Client) -> None:
    tree = ElementTree.fromstring(send(ChannelKind.VOICE, HOSTILE, receivers, http).form["Twiml"])
    assert {part.tag for part in tree.iter()} == {"Response", "Gather", "Say"}
    gather = tree.find("Gather")
    assert gather is not None and gather.attrib["action"] == f"{HOOK}&delivery=dlv-0000002a"


def test_a_log_line_is_one_line(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="aiops.paging"):
        CHANNELS[ChannelKind.LOG].send(hostile(), Outlet(kind=ChannelKind.LOG, address="noc"), http)
    (message,) = caplog.messages
    assert "\n" not in message and "\r" not in message and "\x1b" not in message and "\x00" not in message


def test_text_helpers() -> None:
    assert line("a\r\nb\x00c\u2028d ") == "a b c d"
    assert block("a\r\nb\rc\x00\x1b[31m\td") == "a\nb\nc[31m\td"
    assert clip("abcdef", 4) == "a..." and clip("abcd", 4) == "abcd"
    assert len(clip_bytes("é" * 100, 50).encode()) <= 50 and clip_bytes("é", 2) == "é"
    assert fit("<" * 6, 9, lambda text: text.replace("<", "&lt;")) == "&lt;..."
    assert markdown("see https://x.example/a_b_c and a_b") == r"see https://x.example/a_b_c and a\_b"
    assert line("\ud800") == "�"
