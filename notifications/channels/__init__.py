"""The channels: one adapter module for each kind of outlet; ``CHANNELS`` lists them. Adapters take values and know no
tables.

``docs/adding-a-channel.md`` shows how to add one.
"""

from __future__ import annotations

from notifications.channels import (
    apprise,
    discord,
    email,
    log,
    mattermost,
    opsgenie,
    pagerduty,
    slack,
    teams,
    telegram,
    twilio,
    webhook,
    webpush,
)
from notifications.channels.contracts import Channel
from notifications.choices import ChannelKind

CHANNELS: dict[ChannelKind, Channel] = {
    ChannelKind.EMAIL: email.CHANNEL,
    ChannelKind.SLACK: slack.CHANNEL,
    ChannelKind.TEAMS: teams.CHANNEL,
    ChannelKind.MATTERMOST: mattermost.CHANNEL,
    ChannelKind.DISCORD: discord.CHANNEL,
    ChannelKind.TELEGRAM: telegram.CHANNEL,
    ChannelKind.PAGERDUTY: pagerduty.CHANNEL,
    ChannelKind.OPSGENIE: opsgenie.CHANNEL,
    ChannelKind.WEBHOOK: webhook.CHANNEL,
    ChannelKind.SMS: twilio.SMS_CHANNEL,
    ChannelKind.VOICE: twilio.VOICE_CHANNEL,
    ChannelKind.WEBPUSH: webpush.CHANNEL,
    ChannelKind.APPRISE: apprise.CHANNEL,
    ChannelKind.LOG: log.CHANNEL,
}
