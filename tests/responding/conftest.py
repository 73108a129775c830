"""An incident, two people with phones and Slack, the accounts that reach them, and the clock at the hooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from aiops.access.models import User, Workspace
from incidents.models import Incident
from notifications.choices import ChannelKind
from notifications.models import Delivery, Destination, Provider
from tests.factories import NOW, make_incident, make_user
from tests.responding.making import make_delivery, make_destination, make_provider
from tests.responding.signing import PAGERDUTY_SECRET, SLACK_SECRET, TWILIO_TOKEN

LATER = NOW + timedelta(minutes=5)

Clock = Callable[[datetime], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets what the hooks read when they ask for the time."""

    def at(now: datetime) -> None:
        for module in ("entry", "respond"):
            monkeypatch.setattr(f"notifications.replies.hooks.{module}.utcnow", lambda: now)

    at(LATER)
    return at


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.fixture
def ana(workspace: Workspace) -> User:
    return make_user("ana", workspace)


@pytest.fixture
def phone(ana: User) -> Destination:
    return make_destination(ChannelKind.SMS, "+15550001111", owner=ana)


@pytest.fixture
def texted(incident: Incident, phone: Destination, ana: User) -> Delivery:
    """Ana was told by text message, number 12."""
    return make_delivery(incident, phone, recipient=ana, reply_code=12, provider_ref="SM1")


@pytest.fixture
def slack_account(workspace: Workspace) -> Provider:
    return make_provider(workspace, ChannelKind.SLACK, signing_secret=SLACK_SECRET)


@pytest.fixture
def sms_account(workspace: Workspace) -> Provider:
    return make_provider(workspace, ChannelKind.SMS, auth_token=TWILIO_TOKEN, account_sid="AC1", sender="+15559990000")


@pytest.fixture
def voice_account(workspace: Workspace) -> Provider:
    return make_provider(
        workspace, ChannelKind.VOICE, auth_token=TWILIO_TOKEN, account_sid="AC1", sender="+15559990000"
    )


@pytest.fixture
def mail_account(workspace: Workspace) -> Provider:
    return make_provider(workspace, ChannelKind.EMAIL, host="mail.example.com", sender="noc@example.com")


@pytest.fixture
def pagerduty_account(workspace: Workspace) -> Provider:
    return make_provider(workspace, ChannelKind.PAGERDUTY, webhook_secret=f"old-one {PAGERDUTY_SECRET}")
