"""Paths of the on-call pages; literals stand before ids."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.oncall.console import acts, views

BASE = "console/oncall"
ONE = f"{BASE}/<int:schedule_id>"
SWAP = f"{BASE}/swaps/<int:swap_id>"

urlpatterns = [
    *path_pair(BASE, views.overview, "console-oncall"),
    *path_pair(f"{BASE}/mine", views.mine, "console-oncall-mine"),
    *path_pair(f"{BASE}/mine/time-off", acts.add_time_off, "console-oncall-time-off"),
    *path_pair(
        f"{BASE}/mine/time-off/<int:time_off_id>/remove", acts.remove_time_off, "console-oncall-time-off-remove"
    ),
    *path_pair(f"{BASE}/mine/feed", acts.renew_feed, "console-oncall-mine-feed"),
    *path_pair(f"{BASE}/mine/import", acts.import_calendar, "console-oncall-mine-import"),
    *path_pair(f"{BASE}/fairness", views.fairness_page, "console-oncall-fairness"),
    *path_pair(f"{BASE}/new", views.new_schedule, "console-oncall-new"),
    *path_pair(f"{BASE}/overrides/<int:override_id>/end", acts.end_override, "console-oncall-override-end"),
    *path_pair(SWAP, views.swap_page, "console-oncall-swap"),
    *path_pair(f"{SWAP}/<str:answer>", acts.answer_swap, "console-oncall-swap-answer"),
    *path_pair(ONE, views.schedule_page, "console-oncall-schedule"),
    *path_pair(f"{ONE}/edit", views.edit_schedule, "console-oncall-edit"),
    *path_pair(f"{ONE}/delete", acts.delete_schedule, "console-oncall-delete"),
    *path_pair(f"{ONE}/override", acts.create_override, "console-oncall-override"),
    *path_pair(f"{ONE}/swap", views.swap_new, "console-oncall-swap-new"),
    *path_pair(f"{ONE}/swap/ask", acts.ask_swap, "console-oncall-swap-ask"),
    *path_pair(f"{ONE}/feed", acts.renew_feed, "console-oncall-feed"),
    *path_pair(f"{ONE}/import", acts.import_calendar, "console-oncall-import"),
]
