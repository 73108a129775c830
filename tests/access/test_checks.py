"""System checks: the default is clean, and each mistake is named with its remedy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from aiops.access.actors import SYSTEM, Role
from aiops.access.checks import check_configuration, missing_for_production
from aiops.access.services.keys import create_key, revoke_key
from aiops.kernel.clock import utcnow

GOOD_SECRET = "9Jx2mQ7vLk4TzW8rNc5YbH1dFg6Ps3Ae0u"
VARIABLES = ("AIOPS_SECRET_KEY", "AIOPS_API_KEYS", "AI_SRE_API_KEYS")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def ids() -> set[str]:
    return {message.id for message in check_configuration(None)}


def be_production(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration without fault."""
    settings.AIOPS_ENV, settings.PRODUCTION = "production", True
    settings.DATABASE_URL, settings.REDIS_URL = "postgresql://db/aiops", "redis://redis/0"
    settings.AIOPS_API_KEYS = ["0123456789abcdef0123:operator"]
    monkeypatch.setenv("AIOPS_SECRET_KEY", GOOD_SECRET)
    monkeypatch.setenv("AIOPS_API_KEYS", settings.AIOPS_API_KEYS[0])


def test_the_default_is_clean() -> None:
    assert check_configuration(None) == []


def test_the_checks_are_run_by_django(settings: Settings) -> None:
    settings.AIOPS_ENV = "prod"
    assert "access.E001" in {message.id for message in run_checks(tags=["access"])}


def test_a_complete_production_is_clean(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    be_production(settings, monkeypatch)
    assert check_configuration(None) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AIOPS_ENV", "prod", "access.E001"),
        ("AIOPS_PUBLIC_URL", "aiops.example.com", "access.E007"),
        ("AIOPS_PUBLIC_URL", "https://example.com/aiops", "access.E007"),
        ("AIOPS_API_KEYS", ["k:operatr"], "access.E004"),
        ("AIOPS_API_KEYS", ["k:viewer", "k:admin"], "access.E004"),
        ("AIOPS_PORT", 70000, "access.E006"),
        ("AIOPS_SWEEP_SECONDS", 0, "access.E006"),
        ("AIOPS_AUTO_CLOSE_AFTER", timedelta(hours=-1), "access.E006"),
        ("AIOPS_ALERT_RETENTION", timedelta(days=0), "access.E006"),
        ("AIOPS_MAX_BODY_BYTES", 0, "access.E006"),
        ("AIOPS_HOST", "0.0.0.0", "access.I002"),
    ],
)
def test_a_mistake_is_found_in_dev(settings: Settings, name: str, value: object, expected: str) -> None:
    setattr(settings, name, value)
    assert ids() == {expected}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "", "access.E005"),
        ("REDIS_URL", "", "access.W005"),
        ("AIOPS_API_KEYS", [], "access.I001"),
        ("AIOPS_API_KEYS", ["short:admin"], "access.W004"),
        ("AIOPS_ADMIN_PASSWORD", "password", "access.W006"),
    ],
)
def test_a_mistake_is_found_in_production(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: object, expected: str
) -> None:
    be_production(settings, monkeypatch)
    setattr(settings, name, value)
    assert ids() == {expected}


@pytest.mark.parametrize(
    ("key", "expected"), [("", "access.E002"), ("short", "access.E003"), ("ab" * 30, "access.E003")]
)
def test_production_needs_a_secret_key_that_is_hard_to_guess(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, key: str, expected: str
) -> None:
    be_production(settings, monkeypatch)
    monkeypatch.setenv("AIOPS_SECRET_KEY", key)
    assert ids() == {expected}


def test_in_dev_a_weak_secret_key_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_SECRET_KEY", "short")
    assert ids() == {"access.W003"}


def test_a_key_without_a_role_is_fine_in_the_alias_and_a_warning_in_our_own_variable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AIOPS_API_KEYS = ["0123456789abcdef0123"]
    monkeypatch.setenv("AI_SRE_API_KEYS", "0123456789abcdef0123")
    assert ids() == set()
    monkeypatch.setenv("AIOPS_API_KEYS", "0123456789abcdef0123")
    assert ids() == {"access.W001", "access.W002"}


def test_every_message_says_how_to_mend_it_and_shows_no_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_production(settings, monkeypatch)
    monkeypatch.setenv("AIOPS_SECRET_KEY", "hunter2")
    settings.AIOPS_API_KEYS = ["hunter3:nothing", "hunter4"]
    settings.AIOPS_ADMIN_PASSWORD = "hunter5"
    settings.DATABASE_URL = settings.REDIS_URL = ""
    messages = check_configuration(None)
    assert len(messages) >= 6
    assert all(message.hint for message in messages)
    assert "hunter" not in str(messages)


@pytest.mark.django_db
class TestMissingForProduction:
    def test_nothing_is_missing_in_dev(self) -> None:
        assert missing_for_production() == []

    def test_everything_that_is_missing_is_named_at_once(self, settings: Settings) -> None:
        settings.PRODUCTION, settings.DATABASE_URL = True, ""
        missing = missing_for_production()
        assert len(missing) == 2
        assert missing[0].startswith("AIOPS_SECRET_KEY")
        assert missing[1].startswith("DATABASE_URL")

    def test_a_key_in_the_environment_or_a_good_one_in_the_database_will_do(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        be_production(settings, monkeypatch)
        assert missing_for_production() == []
        settings.AIOPS_API_KEYS = ["unreadable:"]
        (missing,) = missing_for_production()
        assert missing.startswith("There is no API key")
        now = utcnow()
        key, _ = create_key(actor=SYSTEM, name="ci", workspace=None, role=Role.VIEWER, now=now)
        assert missing_for_production() == []
        revoke_key(actor=SYSTEM, key_id=key.pk, now=now)
        assert len(missing_for_production()) == 1
