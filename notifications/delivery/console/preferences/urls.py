"""Paths of the page *My notifications*."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.delivery.console.preferences import views

BASE = "console/notifications"
ONE = f"{BASE}/addresses/<int:destination_id>"

urlpatterns = [
    *path_pair(BASE, views.page, "console-notifications"),
    *path_pair(f"{BASE}/addresses", views.add, "console-address-add"),
    *path_pair(f"{ONE}/code", views.send_code, "console-address-code"),
    *path_pair(f"{ONE}/verify", views.verify, "console-address-verify"),
    *path_pair(f"{ONE}/test", views.test, "console-address-test"),
    *path_pair(f"{ONE}/mend", views.mend, "console-address-mend"),
    *path_pair(f"{ONE}/remove", views.remove, "console-address-remove"),
    *path_pair(f"{BASE}/rules/<slug:urgency>", views.set_rules, "console-rules"),
    *path_pair(f"{BASE}/quiet-hours", views.set_quiet_hours, "console-quiet-hours"),
    *path_pair(f"{BASE}/time-zone", views.set_zone, "console-time-zone"),
    *path_pair(f"{BASE}/web-push", views.set_up_push, "console-push-set-up"),
    *path_pair(f"{BASE}/browsers", views.add_browser, "console-browser-add"),
]
