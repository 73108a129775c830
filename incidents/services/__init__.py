"""The verbs: the only writers of the core. Each opens its own transaction, locks in one order, and does no network inside."""

from __future__ import annotations
