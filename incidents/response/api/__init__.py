"""The dialects: words, shapes and envelopes over the one core. Nothing imports them but the urls."""

from __future__ import annotations
