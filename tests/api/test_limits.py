"""How often a key may call, told on every answer of v1 and of the client API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiops.access import limits
from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.api import views
from incidents.models import Incident
from tests.api.conftest import Caller, MakeKey, signed_in
from tests.factories import make_incident, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 19, 14, 30, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The views' clock: stands still until a test moves it, so that no minute ends under a test."""

    class Clock:
        now = NOW

    monkeypatch.setattr(views, "utcnow", lambda: Clock.now)
    return Clock


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.mark.parametrize(("role", "limit"), [(Role.VIEWER, 100), (Role.OPERATOR, 500), (Role.ADMIN, 1000)])
@pytest.mark.parametrize("path", ["/api/v1/incidents", "/incidents"])
def test_the_headers_count_down(key: MakeKey, path: str, role: Role, limit: int) -> None:
    caller = key(role)
    for used in (1, 2):
        headers = caller.get(path).headers
        assert headers["X-RateLimit-Limit"] == str(limit)
        assert headers["X-RateLimit-Remaining"] == str(limit - used)
        assert headers["X-RateLimit-Reset"] == str(int(NOW.timestamp()) + 40)
        assert "Retry-After" not in headers


def test_every_answer_of_v1_tells(operator: Caller, incident: Incident) -> None:
    root = "/api/v1/incidents"
    wanted = {200, 400, 401, 404, 405, 409}
    answers = [
        operator.get(root),
        operator.get(f"{root}?page=0"),
        Caller(**{"X-API-Key": "wrong"}).get(root),
        operator.get(f"{root}/noisy"),
        operator.get("/api/v1/nothing"),
        operator.send("DELETE", root),
        operator.post(f"{root}/{incident.name}/resolve"),
        operator.post(f"{root}/{incident.name}/resolve"),
    ]
    assert {answer.status for answer in answers} == wanted
    for answer in answers:
        assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(answer.headers)


@pytest.mark.parametrize(("path", "envelope"), [("/api/v1/incidents", "error"), ("/incidents", "detail")])
def test_one_too_many(key: MakeKey, monkeypatch: pytest.MonkeyPatch, clock: Any, path: str, envelope: str) -> None:
    monkeypatch.setitem(limits.PER_MINUTE, Role.VIEWER, 3)
    caller, other = key(Role.VIEWER), key(Role.VIEWER, name="another")
    statuses = [caller.get(path).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = caller.get(path)
    assert refused.headers["Retry-After"] == "40"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert envelope in refused.body
    assert other.get(path).status == 200  # a limit is a key's own
    clock.now += timedelta(seconds=40)
    assert caller.get(path).status == 200


def test_guessing_keys_is_limited_and_does_not_touch_those_who_have_one(
    key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.PER_MINUTE, Role.VIEWER, 2)
    good, guesser = key(Role.OPERATOR), Caller(**{"X-API-Key": "guess"})
    assert [guesser.get("/incidents").status for _ in range(4)] == [401, 401, 429, 429]
    assert good.get("/incidents").status == 200


def test_people_are_not_limited(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.PER_MINUTE, Role.OPERATOR, 1)
    person = signed_in(make_user("", workspace, Role.OPERATOR))
    answers = [person.get("/api/alerts/incidents") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert "X-RateLimit-Limit" not in answers[0].headers


def test_the_ways_in_are_not_limited(operator: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.PER_MINUTE, Role.OPERATOR, 1)
    assert [operator.post("/webhook", {"title": "x"}).status for _ in range(4)] == [200] * 4
