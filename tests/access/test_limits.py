"""How many requests a minute: exact, told in headers, and out of the way when the cache is."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pytest_django import Settings

from aiops.access import counters, limits
from aiops.access.actors import Role
from aiops.kernel.errors import RateLimited
from tests.factories import NOW

SECONDS_IN = 18
NOW = NOW.replace(second=SECONDS_IN)
ENDS = int(NOW.timestamp()) + 60 - SECONDS_IN


@pytest.mark.parametrize(("role", "limit"), [(Role.VIEWER, 100), (Role.OPERATOR, 500), (Role.ADMIN, 1000)])
def test_each_role_has_its_limit_and_not_one_more(role: Role, limit: int) -> None:
    allowances = [limits.check("k1", role, NOW) for _ in range(limit + 2)]
    assert [a.remaining for a in allowances[:3]] == [limit - 1, limit - 2, limit - 3]
    assert [a.exceeded for a in allowances[-3:]] == [False, True, True]
    assert allowances[limit - 1].remaining == allowances[-1].remaining == 0


def test_the_headers_tell_what_is_left_and_when_to_come_again() -> None:
    assert limits.check("k1", Role.VIEWER, NOW).headers() == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": str(ENDS),
    }
    exceeded = [limits.check("k1", Role.VIEWER, NOW) for _ in range(100)][-1]
    assert exceeded.headers()["Retry-After"] == str(60 - SECONDS_IN)
    refusal = exceeded.refusal()
    assert isinstance(refusal, RateLimited)
    assert refusal.data == {"retry_after": 60 - SECONDS_IN}


def test_keys_count_apart_and_every_minute_begins_anew() -> None:
    for _ in range(101):
        spent = limits.check("k1", Role.VIEWER, NOW)
    assert spent.exceeded
    assert limits.check("k2", Role.VIEWER, NOW).remaining == 99
    assert limits.check("k1", Role.VIEWER, NOW + timedelta(seconds=60 - SECONDS_IN)).remaining == 99


def test_many_at_once_get_exactly_what_there_is() -> None:
    with ThreadPoolExecutor(16) as pool:
        allowed = list(pool.map(lambda _: not limits.check("k1", Role.VIEWER, NOW).exceeded, range(400)))
    assert sum(allowed) == 100


def test_a_minute_that_another_process_begins_meanwhile_is_counted_on(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "tests.access.caches.OvertakenCache", "LOCATION": "overtaken"}}
    assert [limits.check("k1", Role.VIEWER, NOW).remaining for _ in range(2)] == [92, 91]


def test_while_the_cache_is_away_everything_is_allowed_and_the_log_says_so_once_a_minute(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(counters.time, "monotonic", lambda: clock[0])
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    counted = counters.Counters("test", 60)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert [counted.add("k1", NOW) for _ in range(50)] == [None] * 50
            clock[0] += counters.PAUSE
        assert len(caplog.records) == 1
        clock[0] += counters.QUIET
        counted.add("k1", NOW)
        assert len(caplog.records) == 2
    assert "not applied while the cache is away" in caplog.text


def test_counting_goes_on_when_the_cache_is_back(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = counters.Counters("test", 60)
    caches, clock = settings.CACHES, [1000.0]
    monkeypatch.setattr(counters.time, "monotonic", lambda: clock[0])
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert counted.add("k1", NOW) is None
    settings.CACHES = caches
    assert counted.add("k1", NOW) is None  # not asked again at once
    clock[0] += counters.PAUSE
    assert counted.add("k1", NOW) == 1
