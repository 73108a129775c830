"""The settings of the tests: everything of ``aiops.settings`` but a few names.

The database is always a real PostgreSQL: AIOPS_TEST_DATABASE_URL, else the one on localhost, else the embedded one.
"""

from __future__ import annotations

import os

import psycopg

from aiops import env
from aiops.settings import *  # noqa: F403
from tests import embedded_pg

LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"


def _database_url() -> str:
    if given := env.text("AIOPS_TEST_DATABASE_URL"):
        return given
    try:
        psycopg.connect(LOCAL, connect_timeout=2).close()
    except psycopg.OperationalError:
        under_pytest = "PYTEST_VERSION" in os.environ
        return embedded_pg.start() if under_pytest else LOCAL
    return LOCAL


SERVER_URL = _database_url()  # what the tests of whole processes make databases of their own on
DATABASES = {"default": env.postgres(SERVER_URL)}
# No pool: a test's connections end with it. The rest as in production.
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"]["OPTIONS"],  # type: ignore[dict-item]
    "prepare_threshold": 5,
    "application_name": "aiops-tests",
}
DATABASES["default"]["TEST"] = {"NAME": "_".join(filter(None, ["test_aiops", os.environ.get("AIOPS_TEST_DB_SUFFIX")]))}
SECRET_KEY = "tests-only-0123456789abcdef0123456789abcdef0123456789abcdef"
SECRET_KEY_FALLBACKS: list[str] = []
SIMPLE_JWT = {**SIMPLE_JWT, "SIGNING_KEY": SECRET_KEY}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 200_000}},
}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}}
CELERY_BROKER_URL = "memory://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.01}
