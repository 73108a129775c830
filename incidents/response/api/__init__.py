"""The dialects of incidents: words, shapes and envelopes over the one core."""

from __future__ import annotations
