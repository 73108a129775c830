"""The kinds of outlet, one module each; ``CHANNELS`` is all of them. Adapters take values and know no tables.

How a new one is made: ``docs/adding-a-channel.md``.
"""

from __future__ import annotations

from notifications.channels import log, webhook
from notifications.choices import ChannelKind
from notifications.contracts import Channel

CHANNELS: dict[ChannelKind, Channel] = {
    ChannelKind.WEBHOOK: webhook.CHANNEL,
    ChannelKind.LOG: log.CHANNEL,
}
