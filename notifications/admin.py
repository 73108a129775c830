"""Admin pages of paging: Django looks for them here; each subject has its own."""

from __future__ import annotations

from notifications.delivery import admin as delivery
from notifications.escalation.admin import policies, routes
from notifications.oncall import admin as oncall
from notifications.watch import admin as watch

__all__ = ["delivery", "oncall", "policies", "routes", "watch"]
