"""System checks of the configuration. Each message names the setting and how to mend it.

``manage.py check`` shows them all. The start asks :func:`missing_for_production` once more, with the database at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from aiops import env
from aiops.access import envkeys
from aiops.access.devmode import is_loopback
from aiops.access.models import ApiKey
from aiops.kernel.clock import utcnow

ENVIRONMENTS = ("dev", "production")
SECRET_KEY_LENGTH = 32  # characters
SECRET_KEY_VARIETY = 8  # different ones
API_KEY_LENGTH = 16
MAKE_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105 - a command, no secret
MAKE_KEY = "python3 -c 'import secrets; print(secrets.token_hex(16))'"

NO_SECRET_KEY = "AIOPS_SECRET_KEY is not set; sessions and stored secrets hang on it."  # noqa: S105 - a sentence
NO_API_KEY = "There is no API key, so nobody could send anything."
NO_DATABASE = "DATABASE_URL is not set; production needs a PostgreSQL of its own."


@register("access")
def check_configuration(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Everything that can be told from the environment alone."""
    return [*_environment(), *_secret_key(), *_api_keys(), *_stores(), *_numbers(), *_sign_in()]


def missing_for_production() -> list[str]:
    """What production can't start without and is not there, a sentence each; empty when ready, and always in dev.

    Looks into the database for an API key; raises ``DatabaseError`` when that can't be read.
    """
    if not settings.PRODUCTION:
        return []
    missing = []
    if not env.text("AIOPS_SECRET_KEY"):
        missing.append(f"{NO_SECRET_KEY} Make one: {MAKE_SECRET}")
    if not settings.DATABASE_URL:
        missing.append(f"{NO_DATABASE} Set DATABASE_URL=postgresql://user:password@host:5432/name.")
    elif not envkeys.parse(settings.AIOPS_API_KEYS) and not _good_keys().exists():
        missing.append(f"{NO_API_KEY} Set AIOPS_API_KEYS=key:role; make a key with: {MAKE_KEY}")
    return missing


def _good_keys() -> QuerySet[ApiKey]:
    unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=utcnow())
    return ApiKey.objects.filter(unexpired, revoked_at__isnull=True)


def _environment() -> Iterator[CheckMessage]:
    if settings.AIOPS_ENV not in ENVIRONMENTS:
        yield Error(
            f"AIOPS_ENV is {settings.AIOPS_ENV!r}.",
            hint="Set it to dev or production, or leave it out.",
            id="access.E001",
        )
    url = settings.AIOPS_PUBLIC_URL
    if url:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/"):
            yield Error(
                f"AIOPS_PUBLIC_URL is {url!r}, no address of a site.",
                hint="Set it to scheme and host as browsers see them, such as https://aiops.example.com, without a path.",
                id="access.E007",
            )


def _secret_key() -> Iterator[CheckMessage]:
    key = env.text("AIOPS_SECRET_KEY")
    if not key:
        if settings.PRODUCTION:
            yield Error(NO_SECRET_KEY, hint=f"Make one and keep it: {MAKE_SECRET}", id="access.E002")
        return
    if len(key) < SECRET_KEY_LENGTH or len(set(key)) < SECRET_KEY_VARIETY:
        message = (
            f"AIOPS_SECRET_KEY is easy to guess: it needs {SECRET_KEY_LENGTH} characters,"
            f" {SECRET_KEY_VARIETY} of them different."
        )
        hint = f"Make a better one: {MAKE_SECRET} and put the old one into AIOPS_SECRET_KEY_FALLBACKS."
        if settings.PRODUCTION:
            yield Error(message, hint=hint, id="access.E003")
        else:
            yield Warning(message, hint=hint, id="access.W003")


def _api_keys() -> Iterator[CheckMessage]:
    entries = settings.AIOPS_API_KEYS
    for problem in envkeys.problems(entries):
        yield Error(
            f"AIOPS_API_KEYS: {problem}",
            hint="Write key:role,key:role with viewer, operator or admin.",
            id="access.E004",
        )
    keys = envkeys.parse(entries)
    if env.text("AIOPS_API_KEYS"):
        if any(not key.role_given for key in keys):
            yield Warning(
                "AIOPS_API_KEYS holds a key without a role; it is an admin's.",
                hint="Write key:admin if that is meant, else key:viewer or key:operator.",
                id="access.W001",
            )
        if env.text("AI_SRE_API_KEYS"):
            yield Warning(
                "AI_SRE_API_KEYS is ignored, since AIOPS_API_KEYS is set.", hint="Set one of the two.", id="access.W002"
            )
    if settings.PRODUCTION and any(len(key.raw) < API_KEY_LENGTH for key in keys):
        yield Warning(
            f"An API key of the environment has fewer than {API_KEY_LENGTH} characters.",
            hint=f"Make a better one: {MAKE_KEY}",
            id="access.W004",
        )
    if entries:
        return
    if settings.PRODUCTION:
        yield Info(
            "No API key in the environment: the start is refused unless one was made in the admin.",
            hint=f"Set AIOPS_API_KEYS=key:role; make a key with: {MAKE_KEY}",
            id="access.I001",
        )
    elif not is_loopback(settings.AIOPS_HOST):
        yield Info(
            f"AIOPS_HOST is {settings.AIOPS_HOST}, no loopback address: without an API key every API call is refused.",
            hint="Set AIOPS_API_KEYS=key:role or make a key in the admin.",
            id="access.I002",
        )


def _stores() -> Iterator[CheckMessage]:
    if not settings.PRODUCTION:
        return
    if not settings.DATABASE_URL:
        yield Error(NO_DATABASE, hint="Set DATABASE_URL=postgresql://user:password@host:5432/name.", id="access.E005")
    if not settings.REDIS_URL:
        yield Warning(
            "REDIS_URL is not set: web, worker and beat can't reach each other as separate processes.",
            hint="Set REDIS_URL=redis://host:6379/0.",
            id="access.W005",
        )


def _numbers() -> Iterator[CheckMessage]:
    bounds = {
        "AIOPS_PORT": (settings.AIOPS_PORT, 0, 65535),
        "AIOPS_SWEEP_SECONDS": (settings.AIOPS_SWEEP_SECONDS, 1, 3600),
        "AIOPS_MAX_BODY_BYTES": (settings.AIOPS_MAX_BODY_BYTES, 1024, 1024**3),
        "AIOPS_BODY_MEMORY_BYTES": (settings.AIOPS_BODY_MEMORY_BYTES, 1024**2, 1024**4),
        "AIOPS_MAX_CONNECTIONS": (settings.AIOPS_MAX_CONNECTIONS, 10, 1_000_000),
        "AIOPS_CONNECTIONS_PER_ADDRESS": (settings.AIOPS_CONNECTIONS_PER_ADDRESS, 1, 1_000_000),
        "AIOPS_AUTO_CLOSE_HOURS": (settings.AIOPS_AUTO_CLOSE_AFTER.total_seconds() // 3600, 0, 87600),
        "AIOPS_ALERT_RETENTION_DAYS": (settings.AIOPS_ALERT_RETENTION.days, 1, 3650),
    }
    for name, (value, low, high) in bounds.items():
        if not low <= value <= high:
            yield Error(f"{name} is {value:g}.", hint=f"Set it to a number from {low} to {high}.", id="access.E006")


def _sign_in() -> Iterator[CheckMessage]:
    password = settings.AIOPS_ADMIN_PASSWORD
    if password and settings.PRODUCTION:
        try:
            validate_password(password)
        except ValidationError as error:
            yield Warning(
                f"AIOPS_ADMIN_PASSWORD is weak. {' '.join(error.messages)}",
                hint="Choose a longer one, or leave it out: then one is made and printed once.",
                id="access.W006",
            )
