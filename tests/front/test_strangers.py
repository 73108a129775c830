"""What senders in the field were seen to send, from the door to the incident. By both carriers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Workspace
from aiops.access.services.keys import create_key
from aiops.kernel import secrets
from incidents.catalogue.services import directory
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.models import DeadLetter, Incident, Service, Source
from tests.factories import NOW, make_workspace
from tests.front.carriers import client as client
from tests.sources.payloads import FOLDER

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def home() -> Workspace:
    workspace = make_workspace()
    ensure_workspace_defaults(workspace)
    return workspace


def make_key(workspace: Workspace | None) -> str:
    _, raw = create_key(actor=SYSTEM, name="test", workspace=workspace, role=Role.ADMIN, now=NOW)
    keyring.refresh()
    directory.refresh()
    return raw


@pytest.fixture
def key(home: Workspace) -> str:
    return make_key(home)


def post(client: Any, path: str, body: Any, key: str = "", content_type: str = JSON, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return client.post(path, content, content_type=content_type, headers={"X-API-Key": key} | headers)


def read(kind: str, name: str) -> bytes:
    found: Path = next((FOLDER / kind).glob(f"{name}.*"))
    return found.read_bytes()


def routing_key() -> str:
    return secrets.unseal(Service.objects.filter(is_default=True).latest("pk").routing_key_sealed)


# --- part-bad batches ------------------------------------------------------------------------------------------------------
def test_prometheus_hears_of_the_bad_alert_once_the_good_ones_are_stored(client: Any, key: str) -> None:
    answer = post(client, "/api/v2/alerts", read("prometheus", "one_without_labels"), key)
    assert (answer.status_code, answer.json()) == (
        400,
        {"code": 400, "message": "[1].labels: expected at least one label."},
    )
    assert set(Incident.objects.values_list("title", flat=True)) == {"good"}
    assert Incident.objects.count() == 2
    letter = DeadLetter.objects.get()
    assert (letter.error, letter.field) == ("[1].labels: expected at least one label.", "[1].labels")
    assert orjson.loads(bytes(letter.raw)) == {"labels": {}, "annotations": {"summary": "bad"}}


def test_alertmanager_is_satisfied_and_the_bad_alert_is_kept(client: Any, key: str) -> None:
    for path in ("/webhook?source=alertmanager", "/webhook"):
        Incident.objects.update(status="closed")
        DeadLetter.objects.all().delete()
        answer = post(client, path, read("alertmanager", "one_without_labels"), key)
        assert (answer.status_code, len(answer.json()["incidents"])) == (200, 2)
        assert answer.json()["refused"] == [
            {"detail": "alerts[1].labels: expected at least one label.", "field": "alerts[1].labels"}
        ]
        assert Incident.objects.live().count() == 2
        assert DeadLetter.objects.get().field == "alerts[1].labels"


def test_a_sources_own_url_keeps_the_good_ones_of_an_array(client: Any, key: str) -> None:
    own = secrets.unseal(Source.objects.get(kind="webhook", is_default=True).key_sealed)
    answer = post(client, f"/in/{own}", [{"title": "a"}, {"titel": "b"}, 7, {"title": "c"}])
    assert (answer.status_code, answer.json()["refused_count"]) == (200, 2)
    assert set(Incident.objects.values_list("title", flat=True)) == {"a", "c"}
    assert set(DeadLetter.objects.values_list("field", flat=True)) == {"[1].title", "[2]"}


def test_an_array_of_nothing_good_is_refused_and_kept_whole(client: Any, key: str) -> None:
    assert post(client, "/webhook", [{"titel": "a"}, 7], key).status_code == 422
    assert orjson.loads(bytes(DeadLetter.objects.get().raw)) == [{"titel": "a"}, 7]


def test_very_many_bad_ones_fill_few_letters(client: Any, key: str) -> None:
    answer = post(client, "/webhook", [{"title": "good"}] + [{"titel": n} for n in range(500)], key)
    assert (answer.status_code, answer.json()["refused_count"], len(answer.json()["refused"])) == (200, 500, 20)
    assert DeadLetter.objects.count() == 50
    assert DeadLetter.objects.latest("pk").error.endswith("And 450 more.")


# --- encodings -------------------------------------------------------------------------------------------------------------
def test_the_charset_of_the_content_type_is_believed(client: Any, key: str) -> None:
    body = '{"title": "Café"}'.encode("iso-8859-1")
    content_type = "application/json; charset=ISO-8859-1"
    assert client.generic("POST", "/webhook", body, content_type, headers={"X-API-Key": key}).status_code == 200
    assert Incident.objects.get().title == "Café"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("path", ["/v2/enqueue", "/api/events"])
def test_an_event_in_any_encoding_of_unicode_is_read(client: Any, key: str, path: str, encoding: str) -> None:
    event = {
        "routing_key": routing_key(),
        "event_action": "trigger",
        "payload": {"summary": "Café", "source": "x", "severity": "info"},
    }
    assert post(client, path, orjson.dumps(event).decode().encode(encoding), key).status_code == 202
    assert Incident.objects.get().title == "Café"


def test_line_breaks_inside_texts_are_read_at_every_door(client: Any, key: str) -> None:
    events = read("events", "raw_line_breaks").replace(b"SERVICE_ROUTING_KEY", routing_key().encode())
    for path, body in {
        "/webhook": read("webhook", "raw_line_breaks"),
        "/webhook?source=alertmanager": read("alertmanager", "raw_line_breaks"),
        "/webhook?source=pagerduty": read("pagerduty", "raw_line_breaks"),
        "/webhook/pagerduty": read("pagerduty", "raw_line_breaks"),
        "/api/v2/alerts": read("prometheus", "raw_line_breaks"),
        "/v2/enqueue": events,
        "/api/events": events,
    }.items():
        assert post(client, path, body, key).status_code in (200, 202), path
    assert not DeadLetter.objects.exists()


# --- keys ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sent",
    ["line1\nline2", "tab\there", "nbsp\u00a0", "zero\u200bwidth", "soft\u00adhyphen", "line\u2028break", " blanks ",
     "\U0001f469\u200d\U0001f4bb", "e\u0301", "\u202eevil", "k" * 600, "nul\0", "\ud800half"],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v2/enqueue", "/api/events"])
def test_the_key_that_we_return_ends_the_incident(client: Any, key: str, path: str, sent: str) -> None:
    event = {"routing_key": routing_key(), "event_action": "trigger", "payload": {"summary": "s", "source": "x"}}
    body = json.dumps({**event, "dedup_key": sent}).encode()
    answer = post(client, path, body, key).json()
    returned = answer["dedup_key"] if path == "/v2/enqueue" else answer["result"]["dedup_key"]
    assert Incident.objects.get().dedup_key == returned
    post(client, path, {**event, "event_action": "resolve", "dedup_key": returned}, key)
    assert Incident.objects.get().status == "resolved"


# --- PagerDuty -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/webhook?source=pagerduty", "/webhook/pagerduty", "/in/"])
def test_every_pagerduty_door_gives_back_and_knows_what_came_before(client: Any, key: str, path: str) -> None:
    if path == "/in/":
        path += secrets.unseal(Source.objects.get(kind="pagerduty", is_default=True).key_sealed)
    story = (FOLDER / "pagerduty" / "given_back.jsonl").read_bytes().splitlines()
    answers = [post(client, path, body, key).json() for body in (*story, *story)]
    words = [answer.get("action_taken") or answer.get("result") for answer in answers]
    opened = "created" if path == "/webhook/pagerduty" else None
    assert words == [opened, "acknowledged", "unacknowledged", "ignored", "ignored", "ignored"]
    assert [answer["reason"] for answer in answers[3:] if "reason" in answer] in (
        [], ["this event was seen before"] * 3,
    )  # fmt: skip
    incident = Incident.objects.get()
    assert (incident.status, incident.occurrences) == ("open", 2)


def test_an_event_that_came_through_one_door_is_known_at_the_other(client: Any, key: str) -> None:
    triggered, *_ = (FOLDER / "pagerduty" / "given_back.jsonl").read_bytes().splitlines()
    post(client, "/webhook?source=pagerduty", triggered, key)
    Incident.objects.update(status="resolved")
    assert post(client, "/webhook/pagerduty", triggered, key).json()["action_taken"] == "ignored"
    assert Incident.objects.count() == 1


def test_pagerdutys_array_is_read_event_by_event(client: Any, key: str) -> None:
    story = [orjson.loads(line) for line in (FOLDER / "pagerduty" / "given_back.jsonl").read_bytes().splitlines()]
    for n, path in enumerate(("/webhook?source=pagerduty", "/webhook/pagerduty")):
        for event in story:
            event["event"]["id"] += path
            event["event"]["data"]["id"] = f"P{n}"
        assert post(client, path, [*story, {"event": {}}], key).status_code == 200
    assert list(Incident.objects.values_list("status", flat=True)) == ["open", "open"]
    assert DeadLetter.objects.count() == 2


def test_a_message_that_is_delivered_again_under_its_own_name_counts_once(client: Any, key: str) -> None:
    for _ in range(3):
        post(
            client,
            "/webhook",
            [{"title": "a", "dedup_key": "a"}, {"title": "b", "dedup_key": "b"}],
            key,
            **{"webhook-id": "m1"},
        )
    assert list(Incident.objects.values_list("occurrences", flat=True)) == [1, 1]


# --- names -----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def twins(client: Any, home: Workspace) -> list[Incident]:
    """Two workspaces, each with an incident of the day's first name."""
    away = make_workspace(slug="away")
    ensure_workspace_defaults(away)
    for workspace in (home, away):
        assert post(client, "/webhook", {"title": workspace.slug}, make_key(workspace)).status_code == 200
    found = list(Incident.objects.order_by("pk"))
    assert found[0].name == found[1].name
    return found


@pytest.mark.parametrize("path", ["/incidents/%s", "/incidents/%s/timeline", "/api/v1/incidents/%s"])
def test_a_name_that_two_workspaces_have_is_no_one_incident(client: Any, twins: list[Incident], path: str) -> None:
    everywhere = {"X-API-Key": make_key(None)}
    name = twins[0].name
    answer = client.get(path % name, headers=everywhere)
    assert answer.status_code == 409, answer.content
    assert {twins[0].workspace.slug, "away"} <= set(re.findall(r"[\w-]+", answer.content.decode()))
    assert b"workspace_id" in answer.content
    for chosen in (
        client.get(path % name, {"workspace_id": "away"}, headers=everywhere),
        client.get(path % name, headers=everywhere | {"X-Workspace-Id": "away"}),
    ):
        assert chosen.status_code == 200
        assert twins[0].public_id.encode() not in chosen.content
    assert client.get(path % name, headers={"X-API-Key": make_key(twins[1].workspace)}).status_code == 200
    assert client.get(path % name, {"workspace_id": "nul\0"}, headers=everywhere).status_code in (400, 404, 422)


def test_no_twin_is_ended_by_the_others_name(client: Any, twins: list[Incident]) -> None:
    everywhere = {"X-API-Key": make_key(None)}
    for path in ("/api/v1/incidents/%s/resolve", "/incidents/%s/resolve"):
        assert client.post(path % twins[0].name, b"{}", content_type=JSON, headers=everywhere).status_code == 409
    assert set(Incident.objects.values_list("status", flat=True)) == {"open"}
    path = f"/api/v1/incidents/{twins[0].name}/resolve?workspace_id=away"
    assert client.post(path, b"{}", content_type=JSON, headers=everywhere).status_code == 200
    assert dict(Incident.objects.values_list("workspace__slug", "status")) == {
        twins[0].workspace.slug: "open",
        "away": "resolved",
    }
