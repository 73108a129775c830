"""The door as ASGI application with its writer: shared commits, culprits, an absent database, a full queue, a stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from channels.db import database_sync_to_async
from django.db import connection
from psycopg import connect, sql

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Workspace
from aiops.access.services.keys import create_key
from aiops.kernel.errors import InvalidInput, Overloaded
from incidents.catalogue.services import directory
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.front import app as app_module
from incidents.front import writer as writer_module
from incidents.front.app import FrontDoor
from incidents.models import Alert, DeadLetter, Incident
from tests.factories import NOW, make_arrival, make_route, make_workspace
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


async def fallback(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"django"})


@pytest.fixture
def key() -> str:
    workspace: Workspace = make_workspace()
    ensure_workspace_defaults(workspace)
    _, raw = create_key(actor=SYSTEM, name="test", workspace=workspace, role=Role.OPERATOR, now=NOW)
    keyring.refresh()
    directory.refresh()
    return raw


@pytest.fixture
async def door(key: str) -> AsyncIterator[FrontDoor]:
    door = FrontDoor(fallback)
    await door.startup()
    yield door
    await door.shutdown()


@pytest.fixture
async def client(door: FrontDoor, key: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(door)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://aiops", headers={"X-API-Key": key}) as client:
        yield client


async def database(question: Any) -> Any:
    return await database_sync_to_async(question)()


async def test_64_concurrent_posts_of_one_key_make_one_incident_with_64_occurrences(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post("/webhook", json={"title": "down", "dedup_key": "x"}) for _ in range(64))
    )
    assert Counter(answer.json()["deduplicated"] for answer in answers) == {True: 63, False: 1}
    assert len({answer.json()["incident_id"] for answer in answers}) == 1
    incident = await database(Incident.objects.get)
    assert incident.occurrences == 64
    assert await database(Alert.objects.count) == 64


async def test_every_answer_belongs_to_its_request(client: httpx.AsyncClient) -> None:
    titles = [f"problem {n}" for n in range(40)]
    answers = await asyncio.gather(*(client.post("/webhook", json={"title": title}) for title in titles))
    by_id = await database(lambda: {incident.public_id: incident.title for incident in Incident.objects.all()})
    assert [by_id[answer.json()["incident_id"]] for answer in answers] == titles


async def test_what_is_not_ingest_passes_on(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/webhook"),
        ("POST", "/webhook/dead-letter"),
        ("GET", "/api/v2/alerts"),
        ("POST", "/in"),
    ):
        assert (await client.request(method, path)).status_code == 418, (method, path)


async def test_slashes_do_not_matter(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhook/", json={"title": "x"})).status_code == 200


async def test_one_bad_signal_never_fails_its_neighbours(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that the database refuses is found by halving, answered with an error, and kept."""
    reject_title("culprit")
    try:
        titles = [f"ok {n}" for n in range(9)] + ["culprit"]
        answers = await asyncio.gather(*(client.post("/webhook", json={"title": title}) for title in titles))
    finally:
        reject_title(None)
    assert [answer.status_code for answer in answers] == [200] * 9 + [422]
    assert await database(Incident.objects.count) == 9
    letter = await database(DeadLetter.objects.get)
    assert orjson.loads(bytes(letter.raw))["title"] == "culprit"


@pytest.mark.parametrize("culprits", [[25], [0, 49], [7, 8, 30]])
async def test_bad_signals_fail_alone_among_fifty_of_one_request(
    client: httpx.AsyncClient, culprits: list[int]
) -> None:
    """Halving goes down to the signal: the others of the request are stored, each culprit is kept with its reason."""
    reject_title("culprit")
    alerts = [
        {"labels": {"alertname": f"a{n}"}, "annotations": {"summary": "culprit" if n in culprits else "fine"}}
        for n in range(50)
    ]
    try:
        prometheus = await client.post("/api/v2/alerts", json=alerts)
        webhook = await client.post("/webhook", json=[{"title": a["annotations"]["summary"]} for a in alerts[:26]])
    finally:
        reject_title(None)
    assert prometheus.status_code == 400
    assert await database(Incident.objects.filter(source_name="prometheus").count) == 50 - len(culprits)
    letters = await database(lambda: list(DeadLetter.objects.filter(source_kind="prometheus")))
    assert sorted(orjson.loads(bytes(letter.raw))["labels"]["alertname"] for letter in letters) == sorted(
        f"a{n}" for n in culprits
    )
    assert all("refused" in letter.error for letter in letters)
    assert webhook.status_code == 200
    assert webhook.json()["refused_count"] == len([n for n in culprits if n < 26])


async def test_a_large_request_is_committed_in_parts_between_those_of_others(
    client: httpx.AsyncClient, door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_BATCH", 16)
    ended: list[str] = []

    async def send(name: str, body: Any) -> httpx.Response:
        answer = await client.post("/webhook", json=body)
        ended.append(name)
        return answer

    large = [{"title": f"large {n}", "description": "x" * 600} for n in range(150)]
    answer, *others = await asyncio.gather(
        send("large", large), *(send(f"small {n}", {"title": f"small {n}"}) for n in range(8))
    )
    assert [one.status_code for one in (answer, *others)] == [200] * 9
    assert ended[-1] == "large"
    by_id = await database(lambda: {incident.public_id: incident.title for incident in Incident.objects.all()})
    assert [by_id[one["incident_id"]] for one in answer.json()["incidents"]] == [one["title"] for one in large]
    assert door.waiting == 0


async def test_what_is_refused_of_a_batch_is_told_after_the_good_ones_are_stored(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v2/alerts", json=[{"labels": {"alertname": "a"}}, {"labels": {}}])
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert (await database(Incident.objects.count), await database(DeadLetter.objects.count)) == (1, 1)


async def test_a_signal_that_cant_even_be_written_down_fails_alone(door: FrontDoor, key: str) -> None:
    """JSON numbers of Python may be larger than those of the database's JSON: the culprit is refused, its neighbour stored."""
    route = await database(lambda: make_route(Workspace.objects.get()))
    good, bad = make_arrival(route), make_arrival(route, metric={"actual_value": 10**30})
    results = await asyncio.gather(door._submit([good]), door._submit([bad]), return_exceptions=True)
    assert [outcome.result for outcome in results[0]] == ["opened"]  # type: ignore[union-attr]
    assert isinstance(results[1], InvalidInput)
    assert await database(DeadLetter.objects.count) == 1


def reject_title(title: str | None) -> None:
    """Have the database refuse incidents of this title; None: of none."""
    with connect(**connection.get_connection_params()) as other:
        other.execute("ALTER TABLE incidents_incident DROP CONSTRAINT IF EXISTS refused")
        if title is not None:
            check = sql.SQL("ALTER TABLE incidents_incident ADD CONSTRAINT refused CHECK (title <> {})")
            other.execute(check.format(sql.Literal(title)))


@pytest.fixture
def own_backend(key: str) -> int:
    """The backend of the test's own connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


async def test_a_lost_connection_is_survived_without_loss_or_double(
    client: httpx.AsyncClient, own_backend: int
) -> None:
    await client.post("/webhook", json={"title": "before"})

    def cut() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
                [own_backend],
            )
            return int(cursor.fetchone()[0])

    assert await database(cut) >= 1
    answers = await asyncio.gather(
        *(client.post("/webhook", json={"title": "after", "dedup_key": "a"}) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}
    incident = await database(lambda: Incident.objects.get(dedup_key="a"))
    assert incident.occurrences == 10


async def test_while_the_disk_is_full_senders_are_asked_to_come_again_and_soon_after_it_is_well(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses each row as it does where no room is left: no signal is to blame for that, none is refused for good."""

    def run(*statements: str) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    full = (
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON incidents_incident FOR EACH ROW EXECUTE FUNCTION full_disk()",
    )
    monkeypatch.setattr(app_module, "PATIENCE", 0.5)
    signals = [{"title": f"problem {n}", "dedup_key": f"{n}"} for n in range(5)]
    await database(lambda: run(*full))
    try:
        answers = await asyncio.gather(*(client.post("/webhook", json=signal) for signal in signals))
        assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
    finally:
        await database(lambda: run("DROP FUNCTION full_disk CASCADE"))
    monkeypatch.setattr(app_module, "PATIENCE", 9.0)
    again = await asyncio.gather(*(client.post("/webhook", json=signal) for signal in signals))
    assert {answer.status_code for answer in again} == {200}
    assert await database(Incident.objects.count) == 5
    assert not await database(DeadLetter.objects.exists)


async def test_what_is_committed_is_answered_though_the_next_batch_hangs(
    client: httpx.AsyncClient, door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers wait for a good moment, which is while the next batch is at the database; never for the database itself."""
    monkeypatch.setattr(writer_module, "MAX_BATCH", 4)
    lock = "SELECT FROM incidents_incident WHERE dedup_key = %s FOR UPDATE"
    held = "SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for key in ("x", "y"):
        await client.post("/webhook", json={"title": key, "dedup_key": key})

    def post(key: str) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(client.post("/webhook", json={"title": key, "dedup_key": key}))

    with connect(**connection.get_connection_params()) as other:
        other.execute(lock, ["y"])
        with connect(**connection.get_connection_params()) as another:
            another.execute(lock, ["x"])
            first = post("x")
            while not another.execute(held).fetchone():  # it hangs
                await asyncio.sleep(0.01)
            batch, hanging = [post(f"new {n}") for n in range(4)], post("y")
            while door.waiting < 6:
                await asyncio.sleep(0.01)
            assert not any(task.done() for task in (first, *batch))
        done, _ = await asyncio.wait([first, *batch], timeout=PATIENCE)
        assert {task.result().status_code for task in done} == {200}
        assert len(done) == 5
        assert not hanging.done(), "the next batch hangs"
    assert (await hanging).status_code == 200


async def test_a_full_queue_answers_503_with_retry_after(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING", 0)
    answer = await client.post("/webhook", json={"title": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


async def test_a_stop_commits_what_waits_and_refuses_what_is_new(door: FrontDoor, client: httpx.AsyncClient) -> None:
    waiting = [asyncio.create_task(client.post("/webhook", json={"title": f"t{n}"})) for n in range(20)]
    await asyncio.sleep(0)
    while door.waiting < 20 and not all(task.done() for task in waiting):
        await asyncio.sleep(0)
    await door.shutdown()
    assert {task.result().status_code for task in await finished(waiting)} == {200}
    assert (await client.post("/webhook", json={"title": "late"})).status_code == 503
    assert await database(Incident.objects.count) == 20


async def finished(tasks: list[asyncio.Task[httpx.Response]]) -> list[asyncio.Task[httpx.Response]]:
    await asyncio.wait(tasks)
    return tasks


async def test_a_body_over_the_limit_is_refused_at_once(client: httpx.AsyncClient, settings: Any) -> None:
    settings.AIOPS_MAX_BODY_BYTES = 100
    answer = await client.post("/webhook", json={"title": "x" * 200})
    assert answer.status_code == 413
    assert not await database(DeadLetter.objects.exists)


async def test_a_client_that_goes_away_loses_nothing(door: FrontDoor, key: str) -> None:
    """The signal is stored although nobody waits for the answer any more."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"title": "gone"}', "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhook",
        "query_string": b"",
        "headers": [(b"x-api-key", key.encode())],
    }
    with connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE incidents_incident IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(door(scope, receive, send))  # type: ignore[arg-type]
        while not door.waiting:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not sent
    await door.shutdown()
    assert await database(Incident.objects.count) == 1
    assert door.waiting == 0


async def test_submitting_after_the_stop_is_a_refusal_not_a_hang(door: FrontDoor) -> None:
    await door.shutdown()
    with pytest.raises(Overloaded):
        await door._submit([])
