"""The verbs of paging: the only writers of this app. Each opens its own transaction; no network inside."""

from __future__ import annotations
