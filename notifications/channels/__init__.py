"""The kinds of outlet, one module each; ``CHANNELS`` is all of them. Adapters take values and know no tables."""

from __future__ import annotations

from notifications.choices import ChannelKind
from notifications.contracts import Channel

CHANNELS: dict[ChannelKind, Channel] = {}
