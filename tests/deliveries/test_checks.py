"""What the system checks say of paging's settings."""

from __future__ import annotations

from typing import Any

import pytest

from notifications.checks import check_paging


def ids() -> set[str]:
    return {message.id or "" for message in check_paging(None)}


def test_what_is_right_is_not_complained_about(settings: Any) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["mattermost.lan", "10.0.0.0/8", "::1", "192.168.1.7"]
    settings.AIOPS_SMTP_URL = "smtp://user:p%40ss@mail.example.com:587?from=pager@example.com"
    settings.AIOPS_HEARTBEAT_URL = "https://hc.example.com/ping/x"
    assert ids() == set()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("AIOPS_OUTBOUND_ALLOW", ["http://mattermost.lan/"], "notifications.E001"),
        ("AIOPS_SMTP_URL", "mail.example.com", "notifications.E002"),
        ("AIOPS_HEARTBEAT_URL", "ping", "notifications.E003"),
        ("AIOPS_PAGING_SECONDS", 0, "notifications.E004"),
    ],
)
def test_what_is_wrong_is_named(settings: Any, name: str, value: Any, wanted: str) -> None:
    setattr(settings, name, value)
    assert ids() == {wanted}


def test_a_password_in_the_address_is_not_repeated(settings: Any) -> None:
    settings.AIOPS_SMTP_URL = "http://user:hunter2@mail.example.com"
    assert all("hunter2" not in f"{message.msg}{message.hint}" for message in check_paging(None))
