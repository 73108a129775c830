"""What is refused: the words, the status, and that it is kept, at every door and by both carriers."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.test import Client

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Workspace
from aiops.access.services.keys import create_key
from incidents.catalogue.services import directory
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.front.app import FrontDoor
from incidents.journal.services import dead_letters
from incidents.models import DeadLetter, Incident, Service, Source
from tests.factories import NOW, make_workspace

GOOD = {"title": "x", "dedup_key": "x"}
EVENT = {"event_action": "trigger", "payload": {"summary": "s", "source": "x", "severity": "info"}}
BROKEN = b'{"title": "never closed'
COMPRESSED = gzip.compress(orjson.dumps(GOOD))


class Sender:
    """Somebody who knows a key, a source and a routing key of a workspace."""

    def __init__(self) -> None:
        self.workspace: Workspace = make_workspace()
        ensure_workspace_defaults(self.workspace)
        _, self.key = create_key(actor=SYSTEM, name="test", workspace=self.workspace, role=Role.OPERATOR, now=NOW)
        self.source = Source.objects.get(workspace=self.workspace, is_default=True, kind="webhook")
        self.routing_key = Service.objects.get(workspace=self.workspace, is_default=True).routing_key
        keyring.refresh()
        directory.refresh()

    def event(self, **changes: Any) -> bytes:
        return orjson.dumps({"routing_key": self.routing_key, **EVENT, **changes})

    def kept(self) -> list[tuple[str, str, bytes]]:
        """Kind, reason and body of every letter of the workspace."""
        letters = DeadLetter.objects.filter(workspace=self.workspace).order_by("pk")
        return [(letter.source_kind, letter.error, bytes(letter.raw)) for letter in letters]

    def cases(self) -> dict[str, tuple[str, bytes, dict[str, str], int, str]]:
        """Name → path, body, headers, status, and a word of the reason. All of these are kept."""
        key = {"X-API-Key": self.key}
        return {
            "W, unknown source kind": ("/webhook?source=zabbix", orjson.dumps(GOOD), key, 400, "zabbix"),
            "W, no JSON": ("/webhook", BROKEN, key, 400, "JSON"),
            "AM, no JSON": ("/webhook?source=alertmanager", BROKEN, key, 400, "JSON"),
            "P, no JSON": ("/api/v2/alerts", BROKEN, key, 400, "JSON"),
            "own URL, no JSON": (f"/in/{self.source.key}", BROKEN, {}, 400, "JSON"),
            "own URL, no title": (f"/in/{self.source.key}", b"{}", {}, 422, "title"),
            "E, no JSON": ("/api/events", BROKEN, key, 400, "JSON"),
            "E, no object": ("/api/events", b"[]", key, 400, "object"),
            "E, unknown routing key": ("/api/events", self.event(routing_key="0" * 32), key, 400, "routing_key"),
            "E, no routing key": ("/api/events", orjson.dumps(EVENT), key, 400, "routing_key"),
            "E, bad event": ("/api/events", self.event(payload={}), key, 400, "payload"),
            "Q, bad event": ("/v2/enqueue", self.event(event_action="explode"), {}, 400, "event_action"),
            "Q, no JSON, API key": ("/v2/enqueue", BROKEN, key, 400, "JSON"),
            "Q, no JSON, key in a header": ("/v2/enqueue", BROKEN, {"X-Routing-Key": self.routing_key}, 400, "JSON"),
            "Q, no JSON, key in the query": (f"/v2/enqueue?routing_key={self.routing_key}", BROKEN, {}, 400, "JSON"),
            "Q, no JSON, key within": ("/v2/enqueue", self.event()[:-1], {}, 400, "JSON"),
            "Q, an event of version 1": (
                "/v2/enqueue", orjson.dumps({"service_key": self.routing_key, "event_type": "trigger"}), {}, 400, "routing_key",
            ),
            "W, unknown encoding": ("/webhook", COMPRESSED, {**key, "Content-Encoding": "br"}, 415, "'br'"),
            "own URL, unknown encoding": (f"/in/{self.source.key}", COMPRESSED, {"Content-Encoding": "zstd"}, 415, "'zstd'"),
            "E, unknown encoding": ("/api/events", COMPRESSED, {**key, "Content-Encoding": "br"}, 415, "'br'"),
            "P, damaged gzip": ("/api/v2/alerts", COMPRESSED[:-3], {**key, "Content-Encoding": "gzip"}, 400, "gzip"),
            "W, a bomb": (
                "/webhook", gzip.compress(b"[" * 50_000_000), {**key, "Content-Encoding": "gzip"}, 413, "larger",
            ),
        }  # fmt: skip


CASES = [
    "W, unknown source kind", "W, no JSON", "AM, no JSON", "P, no JSON", "own URL, no JSON", "own URL, no title", "E, no JSON",
    "E, no object", "E, unknown routing key", "E, no routing key", "E, bad event", "Q, bad event", "Q, no JSON, API key",
    "Q, no JSON, key in a header", "Q, no JSON, key in the query", "Q, no JSON, key within", "Q, an event of version 1",
    "W, unknown encoding", "own URL, unknown encoding", "E, unknown encoding", "P, damaged gzip", "W, a bomb",
]  # fmt: skip


def words_of(answer: Any) -> str:
    return " ".join(str(value) for value in answer.values())


@pytest.mark.django_db
class TestCarriedByDjango:
    @pytest.fixture
    def sender(self) -> Sender:
        return Sender()

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
        return Client().post(path, body, content_type="application/json", headers=headers or {})

    @pytest.mark.parametrize("name", CASES)
    def test_it_is_refused_by_name_and_kept(self, sender: Sender, name: str) -> None:
        path, body, headers, status, word = sender.cases()[name]
        response = self.post(path, body, headers)
        answer = response.json()
        assert (response.status_code, word in words_of(answer)) == (status, True), answer
        assert answer.get("code", status) == status
        if status == 415:
            assert response["Accept-Encoding"] == "gzip, deflate, identity"
        ((_, error, raw),) = sender.kept()
        assert word in error
        assert raw
        assert Incident.objects.count() == 0

    def test_strangers_leave_nothing_behind(self, sender: Sender) -> None:
        for path, body in (
            ("/webhook", BROKEN), ("/v2/enqueue", BROKEN), ("/v2/enqueue", b"{}"), ("/api/events", b"{}"), ("/in/short", b"{}"),
        ):  # fmt: skip
            assert self.post(path, body).status_code in (400, 401, 404), path
        assert sender.kept() == []

    def test_what_cant_be_kept_now_is_not_refused_for_good(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(**_: Any) -> None:
            raise OperationalError("the database is away")

        monkeypatch.setattr(dead_letters.DeadLetter.objects, "create", away)
        response = self.post("/webhook", BROKEN, {"X-API-Key": sender.key})
        assert (response.status_code, response["Retry-After"]) == (503, "5")

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, ["'routing_key' is missing or blank", "'event_action' is missing or blank"]),
            ({**EVENT, "routing_key": None}, ["'routing_key' is missing or blank"]),
            ({**EVENT, "routing_key": "  "}, ["'routing_key' is missing or blank"]),
            ({**EVENT, "routing_key": 7}, ["'routing_key' is invalid (must be a text)"]),
            ({**EVENT, "service_key": "x"}, ["'routing_key' is missing or blank", "'service_key' is of the Events API"]),
            ({**EVENT, "payload": {}, "routing_key": "0" * 32}, ["routing_key is unknown", "'payload' is missing or blank"]),
        ],
    )  # fmt: skip
    def test_a_refusal_names_what_is_missing_and_all_else_that_is_wrong(
        self, sender: Sender, body: Any, said: list[str]
    ) -> None:
        enqueued = self.post("/v2/enqueue", orjson.dumps(body)).json()["errors"]
        events = self.post("/api/events", orjson.dumps(body), {"X-API-Key": sender.key}).json()
        for errors in (enqueued, events["meta"]["issues"]):
            assert all(any(error.startswith(start) for error in errors) for start in said), errors
        assert events["error"].startswith(said[0])

    @pytest.mark.parametrize("path", ["//webhook", "/webhook//", "///webhook", "//in//{source}", "/in//{source}//"])
    def test_doubled_slashes_are_one(self, sender: Sender, path: str) -> None:
        response = self.post(
            "http://testserver" + path.format(source=sender.source.key), orjson.dumps(GOOD), {"X-API-Key": sender.key}
        )
        assert response.status_code == 200

    @pytest.mark.parametrize("path", ["//v2/enqueue", "/v2//enqueue"])
    def test_doubled_slashes_are_one_for_events(self, sender: Sender, path: str) -> None:
        assert self.post("http://testserver" + path, sender.event()).status_code == 202

    def test_a_routing_key_beside_the_body_will_do(self, sender: Sender) -> None:
        event = orjson.dumps(EVENT)
        assert self.post("/v2/enqueue", event, {"X-Routing-Key": sender.routing_key}).status_code == 202

    @pytest.mark.parametrize(
        "credential", ["Basic é", "Basic \xff\xfe", "Bearer é", "Api-Key \xff", "é é", "Basic ===", "Basic"]
    )
    @pytest.mark.parametrize(
        "path", ["/webhook", "/api/events", "/api/v2/alerts", "/webhook/pagerduty", "/api/alerts/incidents"]
    )
    def test_credentials_that_are_no_ascii_are_just_wrong(self, sender: Sender, path: str, credential: str) -> None:
        assert self.post(path, b"{}", {"Authorization": credential}).status_code == 401


@pytest.mark.django_db(transaction=True)
class TestCarriedByTheFrontDoor:
    @pytest.fixture
    def sender(self) -> Sender:
        return Sender()

    @pytest.fixture
    async def client(self, sender: Sender) -> AsyncIterator[httpx.AsyncClient]:
        async def nothing(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        door = FrontDoor(nothing)
        await door.startup()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://aiops") as client:  # type: ignore[arg-type]
            yield client
        await door.shutdown()

    async def test_everything_is_refused_by_name_and_kept(self, client: httpx.AsyncClient, sender: Sender) -> None:
        cases = await database_sync_to_async(sender.cases)()
        assert list(cases) == CASES
        for name, (path, body, headers, status, word) in cases.items():
            answer = await client.post(path, content=body, headers=headers)
            assert (answer.status_code, word in words_of(answer.json())) == (status, True), (name, answer.text)
        kept = await database_sync_to_async(sender.kept)()
        assert [word in error for (*_, word), (_, error, _) in zip(cases.values(), kept, strict=True)] == [True] * len(
            CASES
        )

    async def test_compressed_bodies_and_doubled_slashes_are_read(
        self, client: httpx.AsyncClient, sender: Sender
    ) -> None:
        key = {"X-API-Key": sender.key, "Content-Encoding": "gzip"}
        for path in ("/webhook", "http://aiops//webhook/", f"/in//{sender.source.key}"):
            assert (await client.post(path, content=COMPRESSED, headers=key)).status_code == 200, path
        event = gzip.compress(await database_sync_to_async(sender.event)())
        assert (
            await client.post("http://aiops//v2//enqueue", content=event, headers={"Content-Encoding": "gzip"})
        ).status_code == 202
        assert (await client.post("/api/events", content=event, headers=key)).status_code == 202
