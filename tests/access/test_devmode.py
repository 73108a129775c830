"""Dev mode: when it is on, and who counts as foreign."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.devmode import dev_mode, foreign_origin, is_loopback
from aiops.access.services.keys import create_key, revoke_key
from tests.factories import NOW

OURS = "localhost:8888"


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        ("localhost", True), ("LOCALHOST.", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True),
        ("0.0.0.0", False), ("10.0.0.7", False), ("example.com", False), ("localhost.example.com", False),
        ("127.0.0.1.example.com", False), ("", False),
    ],
)  # fmt: skip
def test_loopback_is_what_can_only_mean_this_machine(name: str, loopback: bool) -> None:
    assert is_loopback(name) is loopback


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (OURS, ""), ("127.0.0.1:8888", ""), ("[::1]:8888", ""), ("", ""),  # tools; a browser always sends a Host
        (OURS, "http://localhost:8888"), (OURS, "http://127.0.0.1:8888"), ("localhost", "http://localhost"),
        ("localhost", "https://localhost"), ("[::1]:8888", "http://[::1]:8888"),
    ],
)  # fmt: skip
def test_tools_and_our_own_pages_are_not_foreign(host: str, origin: str) -> None:
    assert not foreign_origin(host, origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example:8888", ""),  # a name that was pointed at 127.0.0.1
        ("127.0.0.1.evil.example", ""), ("192.168.1.5:8888", ""), ("localhost:x", ""), ("[::1", ""),
        (OURS, "https://evil.example"), (OURS, "null"), (OURS, "http://localhost:3000"), (OURS, "file://"),
        (OURS, "http://localhost:8888@evil.example"), (OURS, "http://localhost:99999"), ("", "https://evil.example"),
    ],
)  # fmt: skip
def test_other_names_and_other_pages_are_foreign(host: str, origin: str) -> None:
    assert foreign_origin(host, origin)


@pytest.mark.django_db
class TestWhen:
    def test_it_is_on_without_any_key_in_dev_on_loopback(self) -> None:
        keyring.refresh()
        assert dev_mode()

    def test_it_is_off_before_the_database_has_said_that_there_is_no_key(self) -> None:
        assert not dev_mode()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("AIOPS_ENV", "production"), ("AIOPS_ENV", "prod"), ("AIOPS_HOST", "0.0.0.0"),
            ("AIOPS_API_KEYS", ["k:viewer"]), ("AIOPS_API_KEYS", ["unreadable:"]),
        ],
    )  # fmt: skip
    def test_any_other_setting_turns_it_off(self, settings: Settings, name: str, value: object) -> None:
        setattr(settings, name, value)
        keyring.refresh()
        assert not dev_mode()

    def test_revoking_or_outliving_the_last_key_does_not_open_everything(self) -> None:
        key, _ = create_key(actor=SYSTEM, name="ci", workspace=None, role=Role.VIEWER, now=NOW)
        keyring.refresh()
        assert not dev_mode()
        revoke_key(actor=SYSTEM, key_id=key.pk, now=NOW + timedelta(days=1))
        keyring.refresh()
        assert not dev_mode()
