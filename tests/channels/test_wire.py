"""The bytes that each provider gets, on its own wire format."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from xml.etree import ElementTree

import httpx
import pytest

from notifications.channels import CHANNELS, signing
from notifications.channels.contracts import Message, Outlet, Sent
from notifications.choices import ChannelKind, DeliveryState, Purpose, Urgency
from tests.channels.samples import HTTP, INCIDENT, page, stand_down
from tests.receivers import Answer, Receivers, Request

HOOK = "https://noc.example.com/hooks/key"


def send(
    kind: ChannelKind, message: Message, world: Receivers, http: httpx.Client, **outlet: object
) -> tuple[Sent, Request]:
    """What the adapter says, and the last request that it made."""
    sent = CHANNELS[kind].send(message, HTTP[kind].outlet(kind, world, **outlet), http)
    return sent, HTTP[kind].receiver(world).requests[-1]


def is_signed(header: str, secret: str, body: bytes) -> bool:
    """What a receiver asks, as ``docs/channels.md`` tells it to."""
    wanted = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(part.strip().encode(), wanted.encode()) for part in header.split(","))


class TestWebhook:
    def test_an_event_says_all_and_is_signed(self, receivers: Receivers, http: httpx.Client) -> None:
        sent, got = send(ChannelKind.WEBHOOK, page(attempt=3, maybe_twice=True), receivers, http, secret="new old")
        assert sent.state == DeliveryState.DELIVERED
        assert (got.headers["x-aiops-delivery"], got.headers["x-aiops-attempt"]) == ("dlv-0000002a", "3")
        signature = got.headers["x-aiops-signature"]
        assert signature.count("v1=") == 2  # while the secret is rotated
        assert is_signed(signature, "new", got.body) and is_signed(signature, "old", got.body)
        event = got.json["event"]
        assert (event["id"], event["event_type"], event["sequence"]) == ("dlv-0000002a", "incident.triggered", 42)
        assert (event["attempt"], event["may_be_repeated"], event["resource_type"]) == (3, True, "incident")
        assert event["incident"]["name"] == INCIDENT.name and event["incident"]["labels"] == {"team": "db"}
        assert [link["rel"] for link in event["links"]] == ["incident", "runbook", "acknowledge", "resolve"]

    @pytest.mark.parametrize(
        ("message", "event_type"),
        [
            (stand_down("acknowledge"), "incident.acknowledged"),
            (stand_down("resolve"), "incident.resolved"),
            (page(purpose=Purpose.ANNOUNCE), "incident.triggered"),
            (page(purpose=Purpose.FALLBACK), "incident.unanswered"),
            (page(purpose=Purpose.TEST, incident=None), "ping"),
            (page(purpose=Purpose.OWNER_NOTICE, incident=None), "notice"),
        ],
    )
    def test_event_types(self, message: Message, event_type: str, receivers: Receivers, http: httpx.Client) -> None:
        _, got = send(ChannelKind.WEBHOOK, message, receivers, http)
        assert got.json["event"]["event_type"] == event_type
        assert "x-aiops-signature" not in got.headers  # no secret, no signature

    def test_a_signature_is_of_one_body_under_one_secret(self) -> None:
        signed = signing.signatures("a", b"body")
        assert is_signed(f"v9=00, {signed}", "a", b"body")
        assert not is_signed(signed, "a", b"bodY")
        assert not is_signed(signed, "b", b"body")
        assert not is_signed("", "a", b"body")


class TestSlack:
    def test_buttons_act_where_slack_can_reach_us(self, receivers: Receivers, http: httpx.Client) -> None:
        sent, got = send(ChannelKind.SLACK, page(), receivers, http, hook_url=HOOK)
        assert sent.ref == "C0NOC:1700000000.000001"
        assert (got.path, got.json["channel"]) == ("/api/chat.postMessage", "#noc")
        buttons = next(part for part in got.json["blocks"] if part["type"] == "actions")["elements"]
        assert [each["action_id"] for each in buttons] == ["aiops:open", "aiops:acknowledge", "aiops:resolve"]
        assert [each.get("value") for each in buttons] == [None, "dlv-0000002a", "dlv-0000002a"]
        assert [each.get("url") for each in buttons] == [INCIDENT.url, None, None]

    @pytest.mark.parametrize("with_token", [True, False])
    def test_else_they_are_links(self, with_token: bool, receivers: Receivers, http: httpx.Client) -> None:
        changes = {} if with_token else {"address": f"{receivers.slack.url}/services/T0/B0/xyz", "hook_url": HOOK}
        _, got = send(ChannelKind.SLACK, page(), receivers, http, **changes)
        assert with_token == got.path.startswith("/api/")
        buttons = next(part for part in got.json["blocks"] if part["type"] == "actions")["elements"]
        assert [each["url"][-7:] for each in buttons[1:]] == ["a-token", "r-token"]

    def test_an_acknowledgement_changes_the_message_and_rings_nobody(
        self, receivers: Receivers, http: httpx.Client
    ) -> None:
        first, _ = send(ChannelKind.SLACK, page(), receivers, http)
        sent, got = send(ChannelKind.SLACK, stand_down("acknowledge", previous_ref=first.ref), receivers, http)
        assert sent.ref == first.ref and got.path == "/api/chat.update" and len(receivers.slack.requests) == 2
        assert "Ana has it." in receivers.slack.messages["1700000000.000001"]["blocks"][1]["text"]["text"]

    def test_the_end_changes_the_message_and_is_told_in_its_thread(
        self, receivers: Receivers, http: httpx.Client
    ) -> None:
        first, _ = send(ChannelKind.SLACK, page(), receivers, http)
        _, got = send(ChannelKind.SLACK, stand_down("resolve", previous_ref=first.ref), receivers, http)
        assert [request.path[10:] for request in receivers.slack.requests] == ["postMessage", "update", "postMessage"]
        assert (got.json["thread_ts"], got.json["reply_broadcast"]) == ("1700000000.000001", False)
        changed = receivers.slack.messages["1700000000.000001"]["blocks"]
        assert not any(part.get("elements", [{}])[-1].get("value") for part in changed)  # nothing left to press

    def test_a_second_page_shows_in_thread_and_channel(self, receivers: Receivers, http: httpx.Client) -> None:
        first, _ = send(ChannelKind.SLACK, page(), receivers, http)
        _, got = send(ChannelKind.SLACK, page(previous_ref=first.ref), receivers, http)
        assert (got.json["thread_ts"], got.json["reply_broadcast"]) == ("1700000000.000001", True)

    def test_no_button_acts_on_one_of_many(self, receivers: Receivers, http: httpx.Client) -> None:
        digest = page(others=(replace(INCIDENT, id="inc-02h"),))
        _, got = send(ChannelKind.SLACK, digest, receivers, http, hook_url=HOOK)
        assert b'"value"' not in got.body

    def test_a_message_that_is_gone_is_told_anew(self, receivers: Receivers, http: httpx.Client) -> None:
        _, got = send(ChannelKind.SLACK, stand_down("acknowledge", previous_ref="C0NOC:1.000"), receivers, http)
        assert got.path == "/api/chat.postMessage"

    def test_a_click_is_signed_as_slack_signs_it(self, receivers: Receivers, http: httpx.Client) -> None:
        _, got = send(ChannelKind.SLACK, page(), receivers, http, hook_url=HOOK)
        receivers.slack.click(f"{receivers.webhook.url}/hooks/slack", "acknowledge", got)
        (click,) = receivers.webhook.requests
        assert json.loads(click.form["payload"])["actions"][0]["value"] == "dlv-0000002a"
        assert click.headers["x-slack-signature"].startswith("v0=")


def test_teams_gets_a_card_with_signed_links(receivers: Receivers, http: httpx.Client) -> None:
    _, got = send(ChannelKind.TEAMS, page(), receivers, http)
    card = got.json["attachments"][0]["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    texts = [run["text"] for part in card["body"] for run in part.get("inlines", [])]
    assert texts == ["Disk full on db-1", "Service: payments", "Pages Bo in 5 min.", "dlv-0000002a"]
    assert [(each["type"], each["title"]) for each in card["actions"]] == [
        ("Action.OpenUrl", title) for title in ("Acknowledge", "Resolve", "Open", "Runbook")
    ]
    assert card["body"][0]["style"] == "attention"
    _, over = send(ChannelKind.TEAMS, stand_down("resolve"), receivers, http)
    assert over.json["attachments"][0]["content"]["body"][0]["style"] == "good"


def test_mattermost_gets_an_attachment_with_links(receivers: Receivers, http: httpx.Client) -> None:
    _, got = send(ChannelKind.MATTERMOST, page(), receivers, http)
    (attachment,) = got.json["attachments"]
    assert attachment["title_link"] == INCIDENT.url and attachment["color"] == "#d92d20"
    assert "[Acknowledge](https://noc.example.com/respond/a-token)" in attachment["text"]


def test_discord_gets_an_embed_and_its_id_comes_back(receivers: Receivers, http: httpx.Client) -> None:
    address = f"{receivers.discord.hook}?thread_id=7"
    sent, got = send(ChannelKind.DISCORD, page(), receivers, http, address=address)
    assert sent.ref == "998877665544332211"
    assert got.query == {"wait": "true", "thread_id": "7"}
    assert got.json["allowed_mentions"] == {"parse": []}
    (embed,) = got.json["embeds"]
    assert (embed["url"], embed["color"]) == (INCIDENT.url, 0xD92D20)
    assert "a-token" in embed["fields"][0]["value"]


def test_discord_takes_a_204(receivers: Receivers, http: httpx.Client) -> None:
    receivers.discord.fail(Answer(204))
    sent, _ = send(ChannelKind.DISCORD, page(), receivers, http)
    assert sent == Sent()


def test_telegram_gets_html_with_buttons_and_answers_the_first_message(
    receivers: Receivers, http: httpx.Client
) -> None:
    first, got = send(ChannelKind.TELEGRAM, page(), receivers, http)
    assert got.json["parse_mode"] == "HTML" and got.json["text"].startswith("<b>[CRITICAL] Disk full on db-1</b>")
    keyboard = got.json["reply_markup"]["inline_keyboard"]
    assert [button["text"] for row in keyboard for button in row] == ["Acknowledge", "Resolve", "Open"]
    again = page(previous_ref=first.ref, urgency=Urgency.LOW)
    _, got = send(ChannelKind.TELEGRAM, again, receivers, http)
    assert got.json["reply_parameters"] == {"message_id": 100, "allow_sending_without_reply": True}
    assert got.json["disable_notification"] is True


def test_telegram_gets_links_where_it_would_refuse_buttons(receivers: Receivers, http: httpx.Client) -> None:
    inside = page(answers=(), incident=replace(INCIDENT, url="http://127.0.0.1:8888/console/incidents/inc-01h"))
    _, got = send(ChannelKind.TELEGRAM, inside, receivers, http)
    assert "reply_markup" not in got.json and "http://127.0.0.1:8888/" in got.json["text"]


def test_pagerduty_keeps_one_alert_per_incident(receivers: Receivers, http: httpx.Client) -> None:
    sent, got = send(ChannelKind.PAGERDUTY, page(), receivers, http)
    assert sent.ref == "aiops-inc-01h-0"
    assert (got.path, got.json["routing_key"]) == ("/v2/enqueue", receivers.pagerduty.routing_key)
    payload = got.json["payload"]
    assert (payload["severity"], payload["source"], payload["component"]) == ("critical", "prod/db-1", "payments")
    assert [link["text"] for link in got.json["links"]] == [INCIDENT.name, "Runbook"]
    send(ChannelKind.PAGERDUTY, page(attempt=2), receivers, http)
    assert receivers.pagerduty.pages == 1  # an unknown end does no harm
    for event, state in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        _, got = send(ChannelKind.PAGERDUTY, stand_down(event), receivers, http)
        assert receivers.pagerduty.alerts == {"aiops-inc-01h-0": state} and "payload" not in got.json


def test_opsgenie_keeps_one_alert_per_alias(receivers: Receivers, http: httpx.Client) -> None:
    _, got = send(ChannelKind.OPSGENIE, page(), receivers, http)
    assert (got.path, got.json["alias"], got.json["priority"]) == ("/v2/alerts", "aiops-inc-01h-0", "P1")
    assert got.json["entity"] == "prod/db-1" and got.json["details"]["team"] == "db"
    _, got = send(ChannelKind.OPSGENIE, stand_down("acknowledge"), receivers, http)
    assert got.json["user"] == "Ana" and receivers.opsgenie.alerts == {"aiops-inc-01h-0": "acknowledged"}
    odd = stand_down("resolve", dedup_key="a/b c?d")
    send(ChannelKind.OPSGENIE, odd, receivers, http)
    assert receivers.opsgenie.alerts["a/b c?d"] == "closed"


class TestPhones:
    def test_a_text_says_what_to_answer(self, receivers: Receivers, http: httpx.Client) -> None:
        sent, got = send(ChannelKind.SMS, page(reply_code=12), receivers, http, hook_url=HOOK)
        assert got.path.endswith("/Messages.json") and got.form["From"] == "+15550006666"
        assert got.form["Body"].split("\n") == [
            "CRITICAL payments: Disk full on db-1",
            'Reply "ack 12" or "resolve 12".',
            "https://noc.example.com/respond/a-token",
        ]
        assert got.form["StatusCallback"] == f"{HOOK}?delivery=dlv-0000002a"
        assert sent.ref in receivers.twilio.sent

    def test_no_answer_is_offered_that_cannot_come(self, receivers: Receivers, http: httpx.Client) -> None:
        settings = {**receivers.twilio.settings, "sender": "MG" + "0" * 32}
        _, got = send(ChannelKind.SMS, page(reply_code=12), receivers, http, settings=settings)
        assert "Reply" not in got.form["Body"] and "StatusCallback" not in got.form
        assert got.form["MessagingServiceSid"].startswith("MG") and "From" not in got.form

    def test_a_call_waits_for_a_key(self, receivers: Receivers, http: httpx.Client) -> None:
        sent, got = send(ChannelKind.VOICE, page(), receivers, http, hook_url=f"{receivers.webhook.url}/hooks/voice")
        gather = ElementTree.fromstring(got.form["Twiml"]).find("Gather")
        assert gather is not None and gather.attrib["numDigits"] == "1"
        said = [part.text for part in gather.iter("Say")]
        assert said[:2] == [
            "CRITICAL payments: Disk full on db-1",
            "Press 4 to acknowledge, 6 to resolve, 8 to escalate.",
        ]
        receivers.twilio.press(sent.ref, "4")
        receivers.twilio.report(sent.ref, "completed")
        pressed, reported = receivers.webhook.requests
        assert (pressed.form["Digits"], pressed.query) == ("4", {"delivery": "dlv-0000002a"})
        assert reported.form["CallStatus"] == "completed" and "x-twilio-signature" in reported.headers

    def test_a_call_without_a_way_back_only_speaks(self, receivers: Receivers, http: httpx.Client) -> None:
        _, got = send(ChannelKind.VOICE, page(), receivers, http)
        assert "Gather" not in got.form["Twiml"]


def test_only_the_browser_can_read_a_push(receivers: Receivers, http: httpx.Client) -> None:
    outlet = HTTP[ChannelKind.WEBPUSH].outlet(ChannelKind.WEBPUSH, receivers)
    receivers.push.subscribed_with = str(outlet.settings["public_key"])
    CHANNELS[ChannelKind.WEBPUSH].send(page(), outlet, http)
    (got,) = receivers.push.requests
    assert b"Disk full" not in got.body
    assert (got.headers["ttl"], got.headers["urgency"], got.headers["topic"]) == ("3600", "high", "dlv-0000002a")
    read = receivers.push.read(got)
    assert (read["title"], read["tag"], read["url"]) == ("[CRITICAL] Disk full on db-1", "inc-01h", INCIDENT.url)
    assert [each["verb"] for each in read["answers"]] == ["acknowledge", "resolve"]


def test_the_log_is_its_own_receipt(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    outlet = Outlet(kind=ChannelKind.LOG, address="noc")
    with caplog.at_level("INFO", logger="aiops.paging"):
        sent = CHANNELS[ChannelKind.LOG].send(page(), outlet, http)
    assert sent.state == DeliveryState.DELIVERED
    assert caplog.messages == [
        "noc: page dlv-0000002a trigger INC-20260319-001: [CRITICAL] Disk full on db-1",
    ]


@pytest.mark.parametrize("kind", HTTP, ids=str)
def test_news_about_no_incident_go_everywhere(kind: ChannelKind, receivers: Receivers, http: httpx.Client) -> None:
    notice = page(
        purpose=Purpose.TEST, incident=None, answers=(), dedup_key="", subject="A test", text="", short="A test"
    )
    sent, _ = send(kind, notice, receivers, http)
    assert isinstance(sent, Sent)
