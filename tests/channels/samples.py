"""What is sent in these tests, and where each channel can send it on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from notifications.channels import webpush
from notifications.channels.contracts import Answer, IncidentFacts, Message, Outlet
from notifications.choices import ChannelKind, Purpose, Urgency
from tests.receivers import HttpReceiver, Receivers

AT = datetime(2026, 3, 19, 3, 10, tzinfo=UTC)
HOSTILE = (
    "<!channel> <script>alert(1)</script> & @everyone **bold** [x](http://evil.example) `code` ]]> </Say><Hangup/>"
    " \r\nBcc: victim@example.com\x00\x1b[31m\ud800 {{ 7*7 }} ${x} \u202e"
)
LONG = "<&>@*_ " * 4000

INCIDENT = IncidentFacts(
    id="inc-01h",
    name="INC-20260319-001",
    title="Disk full on db-1",
    severity="critical",
    priority="P1",
    status="open",
    service="payments",
    created_at=AT,
    url="https://noc.example.com/console/incidents/inc-01h",
    where="prod/db-1",
    source="alertmanager",
    occurrences=3,
    runbook_url="https://wiki.example.com/disk",
    labels={"team": "db"},
)


def page(**changes: Any) -> Message:
    """A first page about INCIDENT with two answers."""
    answers = tuple(
        Answer(verb, verb.title(), f"https://noc.example.com/respond/{verb[0]}-token")
        for verb in ("acknowledge", "resolve")
    )
    message = Message(
        delivery_id="dlv-0000002a",
        purpose=Purpose.PAGE,
        urgency=Urgency.HIGH,
        subject="[CRITICAL] Disk full on db-1",
        text="Disk full on db-1\nService: payments\nPages Bo in 5 min.",
        short="CRITICAL payments: Disk full on db-1",
        created_at=AT,
        incident=INCIDENT,
        answers=answers,
        covers=1,
        dedup_key="aiops-inc-01h-0",
        next_step="pages Bo in 5 min",
    )
    return replace(message, **changes)


def stand_down(event: str, **changes: Any) -> Message:
    """What those are told who were paged before."""
    over = replace(INCIDENT, status="resolved", resolved_by="Bo", acknowledged_by="Ana")
    words = "Bo resolved it. Stand down." if event == "resolve" else "Ana has it."
    return page(
        purpose=Purpose.STAND_DOWN,
        event=event,
        incident=over,
        subject=words,
        text=words,
        short=words,
        answers=(),
        covers=0,
        **changes,
    )


def hostile(text: str = HOSTILE) -> Message:
    """The same page, about an incident that an enemy wrote."""
    facts = replace(
        INCIDENT, title=text, service=text, where=text, description=text, labels={text: text}, name="INC-20260319-001"
    )
    return page(subject=f"[CRITICAL] {text}", text=f"{text}\nService: {text}", short=text[:160], incident=facts)


@dataclass(frozen=True)
class Line:
    """A channel's way out on loopback: its receiver, a good address there, the account, and an address that is wrong."""

    receiver: Callable[[Receivers], HttpReceiver]
    address: Callable[[Receivers], str]
    settings: Callable[[Receivers], dict[str, str]] = lambda _: {}

    def outlet(self, kind: ChannelKind, world: Receivers, **changes: Any) -> Outlet:
        made = Outlet(kind=kind, address=self.address(world), settings=self.settings(world))
        return replace(made, **changes)


HTTP: dict[ChannelKind, Line] = {
    ChannelKind.WEBHOOK: Line(lambda w: w.webhook, lambda w: f"{w.webhook.url}/in"),
    ChannelKind.SLACK: Line(
        lambda w: w.slack,
        lambda w: "#noc",
        lambda w: {"token": w.slack.token, "signing_secret": w.slack.signing_secret, "base_url": w.slack.api},
    ),
    ChannelKind.TEAMS: Line(lambda w: w.teams, lambda w: w.teams.hook),
    ChannelKind.MATTERMOST: Line(lambda w: w.mattermost, lambda w: w.mattermost.hook),
    ChannelKind.DISCORD: Line(lambda w: w.discord, lambda w: w.discord.hook),
    ChannelKind.TELEGRAM: Line(
        lambda w: w.telegram, lambda w: "42", lambda w: {"token": w.telegram.token, "base_url": w.telegram.url}
    ),
    ChannelKind.PAGERDUTY: Line(
        lambda w: w.pagerduty, lambda w: w.pagerduty.routing_key, lambda w: {"base_url": w.pagerduty.url}
    ),
    ChannelKind.OPSGENIE: Line(lambda w: w.opsgenie, lambda w: w.opsgenie.key, lambda w: {"base_url": w.opsgenie.url}),
    ChannelKind.SMS: Line(lambda w: w.twilio, lambda w: "+4930123456", lambda w: w.twilio.settings),
    ChannelKind.VOICE: Line(lambda w: w.twilio, lambda w: "+4930123456", lambda w: w.twilio.settings),
    ChannelKind.WEBPUSH: Line(
        lambda w: w.push, lambda w: json.dumps(w.push.subscription), lambda w: dict(webpush.make_settings())
    ),
}
