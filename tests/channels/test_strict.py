"""Providers are strict: what one refuses for its form, or for a part that is too long, goes all the same."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import httpx
import pytest
from pytest_django import Settings

from aiops.kernel.errors import InvalidInput
from notifications.channels import CHANNELS, teams, webpush
from notifications.choices import ChannelKind, Purpose
from tests.channels.samples import HTTP, INCIDENT, page, stand_down
from tests.channels.test_reading import FIVE, send
from tests.receivers import Answer as Says
from tests.receivers import Receivers

REFUSALS = [
    (ChannelKind.TELEGRAM, Says(400, {"ok": False, "description": "Bad Request: message thread not found"}), "text"),
    (ChannelKind.TELEGRAM, Says(400, {"ok": False, "description": "Bad Request: TOPIC_CLOSED"}), "text"),
    (ChannelKind.TELEGRAM, Says(400, {"ok": False, "description": "Bad Request: MESSAGE_TOO_LONG"}), "text"),
    (ChannelKind.TELEGRAM, Says(400, {"ok": False, "description": "Bad Request: BUTTON_URL_INVALID"}), "text"),
    (ChannelKind.SLACK, Says(200, {"ok": False, "error": "invalid_arguments"}), "text"),
    (ChannelKind.SLACK, Says(200, {"ok": False, "error": "restricted_action_non_threadable_channel"}), "text"),
    (ChannelKind.SLACK, Says(200, {"ok": False, "error": "cannot_reply_to_message"}), "text"),
    (ChannelKind.DISCORD, Says(400, {"code": 50035, "message": "Invalid Form Body", "errors": {"content": {}}}), "content"),
    (ChannelKind.MATTERMOST, Says(400, {"message": "Unable to split the attachments."}), "text"),
    (ChannelKind.OPSGENIE, Says(422, {"message": "Not processable", "errors": {"details": "exceeds 8000"}}), "message"),
    (ChannelKind.PAGERDUTY, Says(400, {"errors": ["'payload.component' is invalid"]}), "payload"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "refusal", "words"), REFUSALS, ids=lambda value: str(getattr(value, "body", value))[:60]
)
def test_whatever_a_provider_refuses_of_a_form_the_page_goes(
    kind: ChannelKind, refusal: Says, words: str, receivers: Receivers, http: httpx.Client
) -> None:
    HTTP[kind].receiver(receivers).fail(refusal)
    again = page(previous_ref="77" if kind == ChannelKind.TELEGRAM else "C0NOC:1700000000.000100")
    got = send(kind, again, receivers, http).json
    assert INCIDENT.title in str(got[words])
    rich = (
        "blocks",
        "thread_ts",
        "reply_parameters",
        "reply_markup",
        "parse_mode",
        "embeds",
        "attachments",
        "details",
        "links",
    )
    assert not set(rich) & set(got)


@pytest.mark.parametrize("said", ["invalid_blocks", "invalid_attachments", "invalid_payload", "no_text"])
def test_an_incoming_webhook_of_slack_refuses_blocks_in_a_400(
    said: str, receivers: Receivers, http: httpx.Client
) -> None:
    receivers.slack.fail(Says(400, said.encode()))
    got = send(
        ChannelKind.SLACK, page(), receivers, http, address=f"{receivers.slack.url}/services/T0/B0/key-of-the-webhook"
    )
    assert "blocks" not in got.json and "Service: payments" in got.json["text"]


def test_a_slack_message_whose_new_blocks_are_refused_is_changed_to_text(
    receivers: Receivers, http: httpx.Client
) -> None:
    outlet = HTTP[ChannelKind.SLACK].outlet(ChannelKind.SLACK, receivers)
    ref = CHANNELS[ChannelKind.SLACK].send(page(), outlet, http).ref
    receivers.slack.fail(Says(200, {"ok": False, "error": "invalid_blocks"}))
    got = send(ChannelKind.SLACK, stand_down("acknowledge", previous_ref=ref), receivers, http)
    assert got.json["blocks"] == [] and "Ana has it." in got.json["text"]


@pytest.mark.parametrize("letter", ["x", "é", "漢", "🔥", '"', "\\"])
def test_no_card_is_larger_than_teams_takes_with_what_it_adds(letter: str) -> None:
    long = f"https://grafana.example.com/d/{'x' * 1900}"
    facts = replace(INCIDENT, runbook_url=long, links=(("Dashboard", f"{long}y"), ("Other", f"{long}z")))
    answers = tuple(replace(each, url=f"{each.url}{'t' * 900}") for each in FIVE)
    text = "\n".join(f"[HIGH] INC-{n} {letter * 300}" for n in range(20))
    made = teams.fitting_card(page(text=text, incident=facts, answers=answers))
    assert len(json.dumps(made, ensure_ascii=False).encode()) <= 22_000
    assert INCIDENT.title in str(made) and f"INC-0 {letter}"[:6] in str(made) and made["actions"]


def test_an_alert_of_opsgenie_has_no_more_details_than_it_takes(receivers: Receivers, http: httpx.Client) -> None:
    links = tuple((f"Dashboard {n}", f"https://g.example.com/{n}{'x' * 1900}") for n in range(4))
    facts = replace(INCIDENT, links=links, labels={f"label-{n}": "v" * 400 for n in range(30)})
    details = send(ChannelKind.OPSGENIE, page(incident=facts), receivers, http).json["details"]
    assert sum(len(name) + len(value) for name, value in details.items()) <= 8000
    assert details["incident"] == INCIDENT.name and details["url"] == INCIDENT.url and details["Runbook"]


@pytest.mark.parametrize(
    ("public", "contact", "said"),
    [
        ("https://noc.example.com", "", "mailto:postmaster@noc.example.com"),
        ("https://noc.example.com:8443", webpush.CONTACT, "mailto:postmaster@noc.example.com"),
        ("https://noc.example.com", "mailto:ops@example.org", "mailto:ops@example.org"),
        ("http://aiops:8888", "", webpush.CONTACT),
    ],
)
def test_apple_is_told_a_contact_that_it_takes(
    public: str, contact: str, said: str, receivers: Receivers, http: httpx.Client, settings: Settings
) -> None:
    settings.AIOPS_PUBLIC_URL = public
    keys = {**webpush.make_settings(), "contact": contact}
    sent = send(ChannelKind.WEBPUSH, page(), receivers, http, settings=keys)
    claims = sent.headers["authorization"].split("t=")[1].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"] == said


@pytest.mark.parametrize(
    "contact", ["mailto:ops@localhost", "mailto: ops@example.com", "https://localhost:8888", "mailto:"]
)
def test_a_contact_that_apple_refuses_is_refused_when_it_is_saved(contact: str) -> None:
    with pytest.raises(InvalidInput, match="contact"):
        webpush.check_contact(contact)
    assert webpush.check_contact(webpush.CONTACT) == webpush.CONTACT


def test_a_digest_says_whose_page_it_opens_and_has_nobodys_runbook(receivers: Receivers, http: httpx.Client) -> None:
    other = replace(INCIDENT, id="inc-02h", name="INC-20260319-002", url=f"{INCIDENT.url}2")
    digest = page(others=(other,), answers=(), covers=2)
    for kind in (
        ChannelKind.SLACK,
        ChannelKind.TEAMS,
        ChannelKind.TELEGRAM,
        ChannelKind.DISCORD,
        ChannelKind.MATTERMOST,
    ):
        said = str(send(kind, digest, receivers, http).json)
        assert "wiki.example.com" not in said, kind
        assert "Open'" not in said, kind


def test_a_notice_by_text_says_when_and_where_to_answer(receivers: Receivers, http: httpx.Client) -> None:
    url = "https://noc.example.com/console/oncall/swaps/12"
    text = "Fri 20 Mar 09:00 to Sat 21 Mar 09:00 (Europe/Berlin)"
    notice = page(
        purpose=Purpose.OWNER_NOTICE, incident=None, answers=(), covers=0, data={"url": url},
        short=f"Ana asks: can you take Primary? - {text}",
    )  # fmt: skip
    said = send(ChannelKind.SMS, notice, receivers, http).form["Body"]
    assert text in said and said.endswith(f"\n{url}") and "Reply" not in said
