"""Admin pages of paging, one module per concern."""

from __future__ import annotations

from notifications.admin import deliveries, oncall, outlets, policies, routes

__all__ = ["deliveries", "oncall", "outlets", "policies", "routes"]
