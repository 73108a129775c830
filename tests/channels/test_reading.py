"""What a message looks like to whoever reads it at night: nothing riddled, dressed up, turned round, refused or left out."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import httpx
import pytest

from notifications.channels import CHANNELS, phone
from notifications.channels.contracts import Answer, Message, Outlet, PermanentFailure, Sent
from notifications.channels.text import is_public, markdown
from notifications.channels.twilio import say
from notifications.choices import ChannelKind, Purpose
from tests.channels.samples import AT, HTTP, INCIDENT, hostile, page, stand_down
from tests.channels.test_email import mailed, smtp  # noqa: F401 - a fixture
from tests.receivers import Answer as Says
from tests.receivers import Receivers, Request, SmtpReceiver
from tests.receivers.phone import segments

HOOK = "https://noc.example.com/hooks/key"
INSIDE = (
    "http://aiops:8888",
    "http://localhost:8888",
    "http://127.0.0.1:8888",
    "http://[fd00::1]:8888",
    "http://noc.local",
)
FIVE = tuple(
    Answer(verb, verb.title(), f"https://noc.example.com/respond/{verb}")
    for verb in ("acknowledge", "resolve", "escalate", "snooze", "note")
)
DASHBOARD = "https://grafana.example.com/d/1"
READ_BY_PEOPLE = [kind for kind in HTTP if kind not in (ChannelKind.WEBHOOK, ChannelKind.WEBPUSH)]


def send(kind: ChannelKind, message: Message, world: Receivers, http: httpx.Client, **outlet: object) -> Request:
    assert isinstance(CHANNELS[kind].send(message, HTTP[kind].outlet(kind, world, **outlet), http), Sent)
    return HTTP[kind].receiver(world).requests[-1]


def inside(base: str) -> Message:
    """A page of a console that only the inside can reach, with the text that it has."""
    url = f"{base}/console/incidents/inc-01h"
    answers = tuple(Answer(each.verb, each.label, f"{base}/respond/{each.verb}") for each in FIVE)
    return page(incident=replace(INCIDENT, url=url), answers=answers, text=f"Disk full on db-1\n{url}")


class TestAddressesOfTheInside:
    @pytest.mark.parametrize("base", INSIDE)
    @pytest.mark.parametrize("kind", HTTP, ids=str)
    def test_no_provider_refuses_a_page_for_our_address(
        self, kind: ChannelKind, base: str, receivers: Receivers, http: httpx.Client
    ) -> None:
        got = send(kind, inside(base), receivers, http, hook_url=HOOK)
        if kind not in (ChannelKind.WEBPUSH, ChannelKind.VOICE):
            assert base in unquote_plus(got.body.decode()), "the link is there, if only as text"
        assert len(HTTP[kind].receiver(receivers).requests) == 1, "at the first try"

    def test_what_is_of_the_world(self) -> None:
        assert is_public("https://noc.example.com/x") and is_public("https://xn--bcher-kva.example:8443/")
        for url in (*INSIDE, "https://", "ftp://noc.example.com", "javascript:alert(1)", "http://[::1", "wiki"):
            assert not is_public(url)

    def test_a_form_that_is_refused_gives_way_to_plain_words(self, receivers: Receivers, http: httpx.Client) -> None:
        receivers.discord.fail(Says(400, {"embeds": ["0"]}))
        got = send(ChannelKind.DISCORD, page(), receivers, http)
        assert "embeds" not in got.json and "Service: payments" in got.json["content"]
        receivers.slack.fail(Says(200, {"ok": False, "error": "invalid_blocks"}))
        got = send(ChannelKind.SLACK, page(), receivers, http)
        assert "blocks" not in got.json and "Service: payments" in got.json["text"]
        receivers.telegram.fail(Says(400, {"ok": False, "description": "Bad Request: can't parse entities"}))
        got = send(ChannelKind.TELEGRAM, page(), receivers, http)
        assert "parse_mode" not in got.json and "Service: payments" in got.json["text"]
        receivers.pagerduty.fail(Says(400, {"errors": ["'links[0].href' is invalid"]}))
        got = send(ChannelKind.PAGERDUTY, page(), receivers, http)
        assert "links" not in got.json and got.json["payload"]["summary"] == INCIDENT.title


class TestMarkup:
    WRITTEN = "*/5 * * * * `rm -rf` ~gone~ :wave: _x_ <b>\n- a list\n1. one\n> said\n# head\n    code\n==="

    def test_slack_reads_none_in_what_strangers_wrote(self, receivers: Receivers, http: httpx.Client) -> None:
        got = send(ChannelKind.SLACK, page(text=self.WRITTEN, subject=self.WRITTEN), receivers, http).json
        for part in got["blocks"][:2]:
            assert (part["text"]["type"], part["text"]["emoji"]) == ("plain_text", False)
        assert got["blocks"][1]["text"]["text"] == self.WRITTEN
        assert got["mrkdwn"] is False and ":wave:" not in got["text"]

    def test_markdown_is_escaped_to_the_last_mark(self) -> None:
        got = markdown(self.WRITTEN)
        assert ":wave:" not in got and r"\*/5 \* \* \* \*" in got and r"\`rm -rf\`" in got and r"\~gone\~" in got
        assert got.split("\n")[1:] == [
            r"\- a list",
            r"1\. one",
            r"\> said",
            r"\# head",
            "\u00a0\u00a0\u00a0\u00a0code",
            r"\===",
        ]
        assert markdown("at 10:30:45 on db:5432") == "at 10:30:45 on db:5432"

    def test_teams_and_telegram_show_it_as_it_is(self, receivers: Receivers, http: httpx.Client) -> None:
        card = send(ChannelKind.TEAMS, page(text=self.WRITTEN), receivers, http).json["attachments"][0]["content"]
        runs = [run["text"] for part in card["body"] for run in part.get("inlines", [])]
        assert "*/5 * * * * `rm -rf` ~gone~ :wave: _x_ <b>" in runs
        text = send(ChannelKind.TELEGRAM, page(text=self.WRITTEN), receivers, http).json["text"]
        assert "*/5 * * * * `rm -rf` ~gone~ :wave: _x_ &lt;b&gt;" in text

    @pytest.mark.parametrize("kind", READ_BY_PEOPLE, ids=str)
    def test_nothing_turns_round_or_hides(self, kind: ChannelKind, receivers: Receivers, http: httpx.Client) -> None:
        bad = "gpj.\u202eexe\u2066\u200b\u00ad pa\u2060yments"
        incident = replace(INCIDENT, title=bad, service=bad, where=bad, acknowledged_by=bad, labels={bad: bad})
        body = unquote_plus(
            send(
                kind, page(subject=bad, text=bad, short=bad, incident=incident), receivers, http, hook_url=HOOK
            ).body.decode()
        )
        body = json.dumps(json.loads(body), ensure_ascii=False) if body.startswith("{") else body
        assert "gpj.exe payments" in body.replace("\\\\.", ".").replace("\\", "")
        assert not set(body) & set("\u202e\u2066\u00ad\u2060")

    def test_nor_in_a_mail(self, smtp: SmtpReceiver, http: httpx.Client) -> None:  # noqa: F811
        mail = mailed(hostile("gpj.\u202eexe"), smtp, http)
        assert mail.message["Subject"] == "[CRITICAL] gpj.exe" and "\u202e" not in mail.part("plain") + mail.part(
            "html"
        )


class TestLinks:
    FULL = replace(INCIDENT, links=(("Dashboard", DASHBOARD), ("Runbook", INCIDENT.runbook_url), ("x", "javascript:1")))

    def test_slack_has_a_button_for_each(self, receivers: Receivers, http: httpx.Client) -> None:
        got = send(ChannelKind.SLACK, page(incident=self.FULL, answers=FIVE), receivers, http, hook_url=HOOK).json
        urls = {b.get("url") for part in got["blocks"] if part["type"] == "actions" for b in part["elements"]}
        assert {INCIDENT.url, INCIDENT.runbook_url, DASHBOARD} <= urls and "javascript:1" not in urls

    def test_teams_takes_six_and_the_runbook_is_one_of_them(self, receivers: Receivers, http: httpx.Client) -> None:
        got = send(ChannelKind.TEAMS, page(incident=self.FULL, answers=FIVE), receivers, http).json
        actions = got["attachments"][0]["content"]["actions"]
        titles = [each["title"] for each in actions]
        assert titles == ["Acknowledge", "Resolve", "Open", "Runbook", "Dashboard", "Escalate"]

    @pytest.mark.parametrize("kind", READ_BY_PEOPLE, ids=str)
    def test_wherever_somebody_reads_it_there_is_a_way_to_the_runbook(
        self, kind: ChannelKind, receivers: Receivers, http: httpx.Client
    ) -> None:
        if kind in (ChannelKind.SMS, ChannelKind.VOICE):
            pytest.skip("a text has room for one link")
        body = send(kind, page(incident=self.FULL), receivers, http).body.decode()
        assert INCIDENT.runbook_url in body and DASHBOARD in body

    def test_a_runbook_that_is_no_link_breaks_nothing(self, receivers: Receivers, http: httpx.Client) -> None:
        odd = replace(INCIDENT, runbook_url="see the wiki")
        for kind in HTTP:
            send(kind, page(incident=odd, answers=FIVE), receivers, http, hook_url=HOOK)


class TestPhones:
    def test_a_code_is_read_digit_by_digit(self, receivers: Receivers, http: httpx.Client) -> None:
        code = page(purpose=Purpose.VERIFY, incident=None, answers=(), covers=0, spoken="Your code is 298712.")
        twiml = send(ChannelKind.VOICE, code, receivers, http).form["Twiml"]
        assert "2, 9, 8, 7, 1, 2" in twiml and "298712" not in twiml

    def test_names_are_spelled_and_short_numbers_are_not(self) -> None:
        assert say("INC-20260319-001 on 97 of 443") == "I N C, 2 0 2 6 0 3 1 9, 0 0 1 on 97 of 443"

    def test_a_call_about_many_takes_a_key_for_all(self, receivers: Receivers, http: httpx.Client) -> None:
        digest = page(covers=3, answers=(), others=(INCIDENT, INCIDENT))
        tree = ElementTree.fromstring(send(ChannelKind.VOICE, digest, receivers, http, hook_url=HOOK).form["Twiml"])
        assert any("all 3 incidents" in str(part.text) for part in tree.iter("Say"))

    @pytest.mark.parametrize(
        ("sender", "to", "asks"),
        [
            ("+15550006666", "+15550001111", True),
            ("+15550006666", "+4930123456", True),
            ("+15550006666", "+919812345678", False),  # its networks replace a foreign number
            ("+919800000000", "+919812345678", True),
            ("ACME NOC", "+15550001111", False),
            ("12345", "+15550001111", False),
            ("MG" + "0" * 32, "+15550001111", True),
        ],
    )
    def test_who_can_be_answered_is_asked_for_an_answer(
        self, sender: str, to: str, asks: bool, receivers: Receivers, http: httpx.Client
    ) -> None:
        settings = {**receivers.twilio.settings, "sender": sender}
        got = send(ChannelKind.SMS, page(reply_code=1), receivers, http, hook_url=HOOK, settings=settings, address=to)
        assert ("Reply" in got.form["Body"]) is asks
        assert "/respond/a-token" in got.form["Body"]

    def test_a_stored_sender_that_cannot_call_is_named(self, receivers: Receivers, http: httpx.Client) -> None:
        settings = {**receivers.twilio.settings, "sender": "ACME NOC"}
        with pytest.raises(PermanentFailure, match="sender: a call needs a number") as failure:
            send(ChannelKind.VOICE, page(), receivers, http, settings=settings)
        assert not failure.value.address and not receivers.twilio.requests

    @pytest.mark.parametrize("title", ["Disk is full on db-1 " * 20, "a – b … “c” " * 30, "[x] {y} ~ | ^ \\ €" * 20])
    def test_our_words_keep_a_text_in_the_alphabet_that_it_came_in(
        self, title: str, receivers: Receivers, http: httpx.Client
    ) -> None:
        body = send(ChannelKind.SMS, page(short=title, reply_code=1), receivers, http, hook_url=HOOK).form["Body"]
        assert segments(body) == phone.parts(body) <= 2 and phone.is_gsm(body)

    @pytest.mark.parametrize(
        "text", ["", "a" * 160, "a" * 161, "€" * 80, "€" * 81, "é" * 307, "ж" * 70, "ж" * 71, "😀" * 36]
    )
    def test_parts_are_counted_as_networks_count_them(self, text: str) -> None:
        assert abs(phone.parts(text) - segments(text)) <= (1 if "€" in text or "😀" in text else 0)


class TestMail:
    def test_umlauts_travel_in_seven_bits(self, smtp: SmtpReceiver, http: httpx.Client) -> None:  # noqa: F811
        words = "Größe erhöht 大"
        mail = mailed(page(subject=words, text=words), smtp, http, sender="Störung <noc@example.com>")
        assert mail.raw.isascii() and mail.message["Subject"] == words and words in mail.part("plain")
        assert mail.message["From"] == "Störung <noc@example.com>"

    def test_one_that_was_held_back_is_of_the_morning(self, smtp: SmtpReceiver, http: httpx.Client) -> None:  # noqa: F811
        morning = AT.replace(hour=7)
        mail = mailed(page(created_at=AT, sent_at=morning), smtp, http)
        assert parsedate_to_datetime(mail.message["Date"]) == morning

    def test_a_stand_down_asks_for_nothing(self, smtp: SmtpReceiver, http: httpx.Client) -> None:  # noqa: F811
        mail = mailed(stand_down("resolve", reply_token="tok3n"), smtp, http, inbound_domain="in.example.com")
        assert "reply" not in mail.part("plain").lower()
        digest = mailed(page(covers=6, answers=(), reply_token="tok3n"), smtp, http, inbound_domain="in.example.com")
        assert "To answer for all 6, reply to this mail with ack" in smtp.wait(2)[-1].part("plain")
        assert digest is not None


def test_a_group_that_moved_is_followed_and_its_new_number_said(receivers: Receivers, http: httpx.Client) -> None:
    receivers.telegram.moved["-42"] = "-1001234567890"
    outlet = HTTP[ChannelKind.TELEGRAM].outlet(ChannelKind.TELEGRAM, receivers, address="-42")
    sent = CHANNELS[ChannelKind.TELEGRAM].send(page(), outlet, http)
    assert sent.moved_to == "-1001234567890" and sent.ref
    assert receivers.telegram.requests[-1].json["chat_id"] == "-1001234567890"


def test_good_news_rings_softly(receivers: Receivers, http: httpx.Client) -> None:
    assert send(ChannelKind.TELEGRAM, stand_down("resolve"), receivers, http).json["disable_notification"] is True
    assert send(ChannelKind.WEBPUSH, stand_down("resolve"), receivers, http).headers["urgency"] == "normal"


def test_a_web_page_as_an_answer_is_told_by_its_first_text(receivers: Receivers, http: httpx.Client) -> None:
    page_of = (
        b'<!DOCTYPE html><html lang="en"><head><style>b{}</style><title>Not here</title></head><body>x</body></html>'
    )
    receivers.webhook.fail(Says(404, page_of, {"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(PermanentFailure) as failure:
        CHANNELS[ChannelKind.WEBHOOK].send(
            page(), Outlet(kind=ChannelKind.WEBHOOK, address=f"{receivers.webhook.url}/in"), http
        )
    assert failure.value.reason == "The webhook answered 404: text/html, “Not here”"
