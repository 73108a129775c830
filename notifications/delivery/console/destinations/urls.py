"""Paths of the pages of destinations, accounts and templates; literals stand before ids."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.delivery.console.destinations import accounts, views, words

BASE = "console/destinations"
ONE = f"{BASE}/<int:destination_id>"
ACCOUNTS, WORDS = f"{BASE}/accounts", f"{BASE}/words"

urlpatterns = [
    *path_pair(BASE, views.overview, "console-destinations"),
    *path_pair(f"{BASE}/new", views.new, "console-destination-kinds"),
    *path_pair(f"{BASE}/new/<slug:kind>", views.new, "console-destination-new"),
    *path_pair(ACCOUNTS, accounts.overview, "console-accounts"),
    *path_pair(f"{ACCOUNTS}/new", accounts.new, "console-account-kinds"),
    *path_pair(f"{ACCOUNTS}/new/<slug:kind>", accounts.new, "console-account-new"),
    *path_pair(f"{ACCOUNTS}/<int:provider_id>", accounts.edit, "console-account"),
    *path_pair(f"{ACCOUNTS}/<int:provider_id>/remove", accounts.remove, "console-account-remove"),
    *path_pair(WORDS, words.overview, "console-words"),
    *path_pair(f"{WORDS}/new", words.edit, "console-words-new"),
    *path_pair(f"{WORDS}/<int:template_id>", words.edit, "console-words-edit"),
    *path_pair(f"{WORDS}/<int:template_id>/remove", words.remove, "console-words-remove"),
    *path_pair(ONE, views.edit, "console-destination"),
    *path_pair(f"{ONE}/test", views.test, "console-destination-test"),
    *path_pair(f"{ONE}/mend", views.mend, "console-destination-mend"),
    *path_pair(f"{ONE}/switch", views.switch, "console-destination-switch"),
    *path_pair(f"{ONE}/remove", views.remove, "console-destination-remove"),
]
