"""Paths of the client API at which PagerDuty's webhooks arrive."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.replies.api.client import pagerduty

urlpatterns = path_pair("webhook/pagerduty", pagerduty.PagerDutyWebhook.as_view(), "client-pagerduty")
