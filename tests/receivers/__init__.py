"""The outside world on loopback: real servers that speak the wire format of the providers that we send to.

``receivers.slack``, ``.twilio``, ``.smtp`` … start when a test first asks for them and end with it. Each keeps what came in
(``requests``, ``mails``), checks it as the provider would, and fails the next times as it is told to (``fail``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import pytest

from tests.receivers.chat import DiscordReceiver, MattermostReceiver, SlackReceiver, TeamsReceiver, TelegramReceiver
from tests.receivers.http import HELD, RESET, SILENCE, Answer, HttpReceiver, Request, too_many
from tests.receivers.mail import Mail, SmtpReceiver
from tests.receivers.pagers import OpsgenieReceiver, PagerDutyReceiver
from tests.receivers.phone import TwilioReceiver
from tests.receivers.push import PushReceiver

__all__ = [
    "HELD",
    "RESET",
    "SILENCE",
    "Answer",
    "HttpReceiver",
    "Mail",
    "Receivers",
    "Request",
    "SmtpReceiver",
    "too_many",
]


class Receivers:
    """One of each, as they are needed."""

    @cached_property
    def smtp(self) -> SmtpReceiver:
        return SmtpReceiver()

    @cached_property
    def webhook(self) -> HttpReceiver:
        return HttpReceiver()

    @cached_property
    def slack(self) -> SlackReceiver:
        return SlackReceiver()

    @cached_property
    def teams(self) -> TeamsReceiver:
        return TeamsReceiver()

    @cached_property
    def mattermost(self) -> MattermostReceiver:
        return MattermostReceiver()

    @cached_property
    def discord(self) -> DiscordReceiver:
        return DiscordReceiver()

    @cached_property
    def telegram(self) -> TelegramReceiver:
        return TelegramReceiver()

    @cached_property
    def pagerduty(self) -> PagerDutyReceiver:
        return PagerDutyReceiver()

    @cached_property
    def opsgenie(self) -> OpsgenieReceiver:
        return OpsgenieReceiver()

    @cached_property
    def twilio(self) -> TwilioReceiver:
        return TwilioReceiver()

    @cached_property
    def push(self) -> PushReceiver:
        return PushReceiver()

    def close(self) -> None:
        """End all that were started."""
        for started in vars(self).values():
            started.close()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """The outside world, for one test."""
    world = Receivers()
    try:
        yield world
    finally:
        world.close()
