"""Paths answer with and without a slash, never redirect, and what is not there is not there in the dialect's own words."""

from __future__ import annotations

from types import ModuleType

import pytest

from aiops.access.actors import Role
from aiops.access.models import Workspace
from incidents.models import Incident
from incidents.response.api.client import urls as client
from incidents.response.api.dashboard import urls as dashboard
from incidents.response.api.v1 import urls as v1
from tests.api.conftest import Caller, signed_in
from tests.factories import make_incident, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.fixture
def person(workspace: Workspace) -> Caller:
    return signed_in(make_user("", workspace, Role.ADMIN))


@pytest.mark.parametrize("dialect", [v1, dashboard, client])
def test_every_path_has_its_twin(dialect: ModuleType) -> None:
    routes = [str(pattern.pattern) for pattern in dialect.urlpatterns]
    assert len(set(routes)) == len(routes)
    assert {route for route in routes if route.endswith("/")} == {f"{r}/" for r in routes if not r.endswith("/")}


def test_twins_answer_alike(operator: Caller, person: Caller, incident: Incident) -> None:
    for caller, path in [
        (operator, "/api/v1/incidents"),
        (operator, f"/api/v1/incidents/{incident.name}"),
        (operator, f"/api/v1/incidents/{incident.name}/timeline"),
        (operator, "/incidents"),
        (operator, f"/incidents/{incident.public_id}"),
        (operator, "/webhook/dead-letter"),
        (person, "/api/alerts/incidents"),
        (person, f"/api/alerts/incidents/{incident.public_id}"),
    ]:
        plain, slashed = caller.get(path), caller.get(f"{path}/")
        assert (plain.status, slashed.status) == (200, 200), path
        assert slashed.body == plain.body


def test_a_post_with_a_slash_stays_a_post(operator: Caller, person: Caller, incident: Incident) -> None:
    assert operator.post(f"/api/v1/incidents/{incident.name}/acknowledge/").status == 200
    assert operator.post(f"/incidents/{incident.name}/unacknowledge/").status == 200
    path = f"/api/alerts/incidents/{incident.public_id}"
    assert person.patch(f"{path}/", {"status": "acknowledged"}).status == 200
    assert person.post(f"{path}/notes/", {"content": "x"}).status == 200


ILL_FORMED = ["noisy", "inc-", "inc-1", "INC-1", "inc-0000002A", "inc-0000000000000001", "42", "a b", "%00", "..", "ü"]


@pytest.mark.parametrize(
    "reference", [*ILL_FORMED, "inc-0fffffff", "inc_0fffffff", "INC-20200101-001", "inc-fffffffffffffff"]
)
def test_an_id_that_is_none_is_not_found(operator: Caller, person: Caller, reference: str) -> None:
    for path in ("", "/timeline", "/"):
        answer = operator.get(f"/api/v1/incidents/{reference}{path}")
        assert (answer.status, answer.body["error"]["message"]) == (404, "Incident not found"), path
        answer = operator.get(f"/incidents/{reference}{path}")
        assert (answer.status, answer.body) == (404, {"detail": "Incident not found"})
    for answer in (
        person.get(f"/api/alerts/incidents/{reference}"),
        person.post(f"/api/alerts/incidents/{reference}/notes"),
    ):
        assert answer.status in (400, 404)
        assert list(answer.body) == ["error"]
    assert operator.post(f"/incidents/{reference}/resolve").body == {"detail": "Incident not found"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("tail", ["nothing", "incidents/inc-00000001/nothing", "a/b/c", ""])
def test_unknown_paths_in_each_dialect(operator: Caller, person: Caller, method: str, tail: str) -> None:
    answer = operator.send(method, f"/api/v1/{tail}")
    assert (answer.status, answer.body["kind"], answer.body["error"]["code"]) == (404, "Error", 404)
    assert "Allow" not in answer.headers
    answer = person.send(method, f"/api/alerts/{tail}")
    assert (answer.status, answer.body) == (404, {"error": "Not found"})
    answer = operator.send(method, f"/incidents/inc-00000001/x/{tail}")
    assert (answer.status, answer.body) == (404, {"detail": "Not found"})


def test_a_path_below_webhook(operator: Caller) -> None:
    assert operator.post("/webhook/unknown").body == {"detail": "Not found"}


def test_unknown_paths_tell_nothing_to_strangers(operator: Caller) -> None:
    assert Caller().get("/api/v1/nothing").status == 401
    assert Caller().get("/api/alerts/nothing").status == 401
    assert Caller().get("/incidents/noisy").status == 401


def test_methods_that_a_path_lacks(operator: Caller, person: Caller, incident: Incident) -> None:
    for method, path, allowed in [
        ("POST", "/api/v1/incidents", "GET, HEAD"),
        ("DELETE", f"/api/v1/incidents/{incident.name}", "GET, HEAD"),
        ("GET", f"/api/v1/incidents/{incident.name}/resolve", "POST"),
        ("PUT", f"/incidents/{incident.public_id}", "GET, HEAD"),
        ("POST", "/webhook/dead-letter", "GET, HEAD"),
        ("OPTIONS", "/incidents", "GET, HEAD"),
        ("DELETE", f"/api/alerts/incidents/{incident.public_id}", "GET, PATCH, HEAD"),
        ("PUT", "/api/alerts/incidents", "GET, HEAD"),
    ]:
        caller = person if "alerts" in path else operator
        answer = caller.send(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, allowed), path
        assert len(str(answer.body)) > 0
        assert answer.body.keys() <= {"apiVersion", "kind", "error", "detail"}


def test_head_is_get_without_a_body(operator: Caller, incident: Incident) -> None:
    assert operator.client.head("/incidents", headers=operator.headers).status_code == 200
