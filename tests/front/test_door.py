"""Every ingest path: who may come in, what is understood, and the words of the answers, from both carriers."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from django.db import OperationalError

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Workspace
from aiops.access.services.keys import create_key
from incidents.catalogue.services import directory
from incidents.models import Alert, DeadLetter, Incident, Service, Source
from tests.factories import NOW, make_service, make_workspace
from tests.front.carriers import client as client

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(workspace: Workspace) -> str:
    return make_key(workspace)


def make_key(workspace: Workspace | None, role: Role = Role.OPERATOR) -> str:
    _, raw = create_key(actor=SYSTEM, name="test", workspace=workspace, role=role, now=NOW)
    keyring.refresh()
    directory.refresh()
    return raw


def post(client: Any, path: str, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return client.post(path, content, content_type="application/json", headers=headers)


CPU = {"title": "High CPU", "severity": "critical", "dedup_key": "cpu", "source": "prometheus"}


# --- /webhook --------------------------------------------------------------------------------------------
def test_the_answer_has_the_contracts_keys(client: Any, key: str) -> None:
    response = post(client, "/webhook", CPU, **{"X-API-Key": key})
    incident = Incident.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "ok": True,
        "incident_id": incident.public_id,
        "deduplicated": False,
        "dedup_strategy": None,
        "group_id": None,
    }
    again = post(client, "/webhook/", CPU, **{"X-API-Key": key})
    assert again.json() == {
        "ok": True,
        "incident_id": incident.public_id,
        "deduplicated": True,
        "dedup_strategy": "dedup_key",
        "group_id": None,
    }


def test_a_coerced_severity_is_shown(client: Any, key: str) -> None:
    response = post(client, "/webhook", {**CPU, "severity": "page2"}, **{"X-API-Key": key})
    assert "page2" in response.json()["warnings"][0]
    assert Incident.objects.get().severity == 3


def test_several_alerts_answer_with_the_first_and_all(client: Any, key: str) -> None:
    alerts = [
        {"status": "firing", "fingerprint": name, "labels": {"alertname": name}, "annotations": {}}
        for name in ("a", "b")
    ]
    body = {"version": "4", "status": "firing", "alerts": alerts}
    answer = post(client, "/webhook", body, **{"X-API-Key": key, "X-Source": "alertmanager"}).json()
    assert answer["incident_id"] == answer["incidents"][0]["incident_id"]
    assert len({item["incident_id"] for item in answer["incidents"]}) == 2


@pytest.mark.parametrize("how", ["header", "query", "bearer", "basic-password", "basic-user"])
def test_a_key_may_come_in_any_of_five_ways(client: Any, key: str, how: str) -> None:
    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    headers = {
        "header": {"X-API-Key": key},
        "query": {},
        "bearer": {"Authorization": f"Bearer {key}"},
        "basic-password": basic(f"alertmanager:{key}"),
        "basic-user": basic(f"{key}:"),
    }[how]
    path = f"/webhook?source=webhook&api_key={key}" if how == "query" else "/webhook"
    assert post(client, path, CPU, **headers).status_code == 200


@pytest.mark.parametrize(
    ("credential", "status"), [("", 401), ("wrong", 401), ("viewer", 403), ("operator", 200), ("admin", 200)]
)
def test_who_may_send(client: Any, workspace: Workspace, key: str, credential: str, status: int) -> None:
    if credential in ("viewer", "operator", "admin"):
        credential = make_key(workspace, Role.from_word(credential))
    response = post(client, "/webhook", CPU, **({"X-API-Key": credential} if credential else {}))
    assert response.status_code == status
    if status != 200:
        assert response.json()["detail"]
        assert not Alert.objects.exists()


def test_a_key_made_a_moment_ago_works_at_once(client: Any, workspace: Workspace, key: str) -> None:
    _, fresh = create_key(actor=SYSTEM, name="fresh", workspace=workspace, role=Role.OPERATOR, now=NOW)
    assert post(client, "/webhook", CPU, **{"X-API-Key": fresh}).status_code == 200


def test_a_workspace_that_the_key_may_not_use_is_refused(client: Any, key: str) -> None:
    other = make_workspace()
    for header in ({"X-Workspace-Id": other.slug}, {"X-Workspace-Name": other.name}, {"X-Workspace-Id": "ws-nowhere"}):
        assert post(client, "/webhook", CPU, **{"X-API-Key": key}, **header).status_code == 403
    assert not Incident.objects.exists()


def test_a_key_for_all_makes_the_workspace_it_names_first(client: Any, workspace: Workspace) -> None:
    key = make_key(None)
    headers = {"X-API-Key": key, "X-Workspace-Id": "ws-acme", "X-Workspace-Name": "Acme"}
    for _ in range(2):
        assert post(client, "/webhook", CPU, **headers).status_code == 200
    incident = Incident.objects.get()
    assert (incident.workspace.slug, incident.workspace.name, incident.occurrences) == ("ws-acme", "Acme", 2)


@pytest.mark.parametrize(
    ("body", "source", "status", "said"),
    [
        (b"{", "webhook", 400, "JSON"),
        (b"[]", "webhook", 400, "empty"),
        ({"description": "no title"}, "webhook", 422, "title"),
        ({"title": "  "}, "webhook", 422, "title"),
        ({"title": 7}, "webhook", 422, "title"),
        (CPU, "carrier-pigeon", 400, "X-Source"),
        ({"event": {"event_type": "incident.exploded", "data": {}}}, "pagerduty", 400, "incident.exploded"),
    ],
)
def test_bad_input_is_named(client: Any, key: str, body: Any, source: str, status: int, said: str) -> None:
    response = post(client, "/webhook", body, **{"X-API-Key": key, "X-Source": source})
    assert (response.status_code, said in response.json()["detail"]) == (status, True), response.json()


def test_what_cant_be_understood_is_kept_with_its_reason(client: Any, key: str, workspace: Workspace) -> None:
    post(client, "/webhook", b'{"description": "\x00 no title"}', **{"X-API-Key": key})
    letter = DeadLetter.objects.get()
    assert (bytes(letter.raw), letter.workspace) == (b'{"description": "\x00 no title"}', workspace)
    assert letter.error


def test_a_service_named_in_the_body_takes_it_else_the_default_one(client: Any, workspace: Workspace) -> None:
    payments = make_service(workspace, "Payments-API")
    key = make_key(workspace)
    post(client, "/webhook", {**CPU, "service": "payments-api"}, **{"X-API-Key": key})
    post(client, "/webhook", {**CPU, "dedup_key": "x", "service": "unheard-of"}, **{"X-API-Key": key})
    known, unknown = Incident.objects.order_by("pk")
    assert known.service == payments
    assert (unknown.service.is_default, unknown.service_name) == (True, "unheard-of")


# --- /in/<source key> ------------------------------------------------------------------------------------
def test_a_source_has_a_url_of_its_own(client: Any, source: Source, key: str) -> None:
    assert post(client, f"/in/{source.key}", CPU).status_code == 200
    assert Incident.objects.get().source == source
    assert post(client, "/in/0123456789abcdef0123456789abcdef", CPU).status_code == 404


def test_a_disabled_source_takes_nothing(client: Any, source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(enabled=False)
    directory.refresh()
    assert post(client, f"/in/{source.key}", CPU).status_code == 403


def test_a_sources_limit_answers_503_so_that_senders_repeat(client: Any, source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(limit_per_minute=2)
    directory.refresh()
    answers = [post(client, f"/in/{source.key}", CPU) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60


# --- /api/events and /v2/enqueue -------------------------------------------------------------------------
def event(service: Service, action: str = "trigger", **fields: Any) -> dict[str, Any]:
    payload = {"summary": "CPU usage above 90%", "source": "prometheus", "severity": "warning"}
    body = {"routing_key": service.routing_key, "event_action": action, "dedup_key": "cpu-high", **fields}
    return {**body, "payload": payload} if action == "trigger" else body


def test_the_events_page_word_by_word(client: Any, service: Service, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answers = [
        post(client, "/api/events", event(service, action), **headers)
        for action in ("trigger", "acknowledge", "resolve")
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    incident = Incident.objects.get()
    said = [(a.json()["result"]["action"], a.json()["result"]["incident"]["status"]) for a in answers]
    assert said == [("triggered", "TRIGGERED"), ("acknowledged", "ACKNOWLEDGED"), ("resolved", "RESOLVED")]
    assert answers[0].json()["result"]["incident"]["id"] == incident.public_id
    assert (incident.severity, incident.status, incident.service) == (3, "resolved", service)


def test_events_need_a_key_of_the_services_workspace(client: Any, service: Service, key: str) -> None:
    other = make_key(make_workspace())
    assert post(client, "/api/events", event(service), Authorization=f"Bearer {other}").status_code == 403
    assert post(client, "/api/events", event(service)).status_code == 401
    unknown = event(service) | {"routing_key": "0" * 32}
    response = post(client, "/api/events", unknown, Authorization=f"Bearer {key}")
    assert response.status_code == 400
    assert "routing_key" in response.json()["error"]


def test_enqueue_answers_as_a_pagerduty_client_expects(client: Any, service: Service, key: str) -> None:
    response = post(client, "/v2/enqueue", event(service))
    assert (response.status_code, response.json()) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "cpu-high"},
    )
    generated = post(client, "/v2/enqueue", {k: v for k, v in event(service).items() if k != "dedup_key"})
    assert generated.json()["dedup_key"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"routing_key": "0" * 32}, "routing_key"),
        ({"event_action": "explode"}, "event_action"),
        ({"payload": {"source": "x"}}, "payload.summary"),
        ({"payload": "text"}, "payload"),
    ],
)
def test_enqueue_refuses_with_a_list_of_texts(client: Any, service: Service, key: str, change: Any, named: str) -> None:
    response = post(client, "/v2/enqueue", event(service) | change)
    answer = response.json()
    assert (response.status_code, answer["status"], answer["message"]) == (
        400,
        "invalid event",
        "Event object is invalid",
    )
    assert all(isinstance(error, str) for error in answer["errors"])
    assert named in " ".join(answer["errors"])


def test_acks_through_either_path_find_the_same_incident(client: Any, service: Service, key: str) -> None:
    post(client, "/v2/enqueue", event(service))
    post(client, "/api/events", event(service, "acknowledge"), Authorization=f"Bearer {key}")
    assert Incident.objects.get().status == "acknowledged"


# --- /api/v2/alerts --------------------------------------------------------------------------------------
def test_prometheus_may_send_to_us_as_to_an_alertmanager(client: Any, key: str) -> None:
    alert = {
        "labels": {"alertname": "HighCPU", "severity": "critical"},
        "annotations": {"summary": "High CPU"},
        "startsAt": "2026-03-19T14:30:00Z",
        "endsAt": "2999-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
    }
    assert post(client, "/api/v2/alerts", [alert], **{"X-API-Key": key}).status_code == 200
    assert Incident.objects.get().status == "open", "a future endsAt still fires"
    post(client, "/api/v2/alerts", [{**alert, "endsAt": "2026-03-19T14:35:00Z"}], **{"X-API-Key": key})
    assert Incident.objects.get().status == "resolved"


# --- whatever the path -----------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/webhook", "/api/events", "/v2/enqueue", "/api/v2/alerts"])
@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"a":' * 5000])
def test_nothing_is_a_500(client: Any, key: str, path: str, body: bytes) -> None:
    response = post(client, path, body, **{"X-API-Key": key})
    assert response.status_code in (400, 422), response.content


@pytest.mark.parametrize("path", ["/webhook", "/api/events", "/v2/enqueue", "/api/v2/alerts"])
def test_a_get_is_not_ours(client: Any, key: str, path: str) -> None:
    assert client.get(path, headers={"X-API-Key": key}).status_code in (404, 405)


def test_an_unknown_key_is_no_refusal_while_nobody_can_know(
    client: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 is final to Alertmanager; with the database away since the start a good key would be lost with it."""

    def away() -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(keyring._snapshot, "_load", away)
    monkeypatch.setattr(directory._snapshot, "_load", away)
    keyring.forget()
    response = post(client, "/webhook", CPU, **{"X-API-Key": key})
    assert (response.status_code, response["Retry-After"]) == (503, "5")
