"""Admin pages of paging, one module per concern."""

from __future__ import annotations

from notifications.admin import oncall

__all__ = ["oncall"]
