"""Who gets in, who sees what, who may do what: the same in every dialect, each in its own words."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import ApiKey, Membership, Workspace
from aiops.access.services.keys import revoke_key
from aiops.kernel.clock import utcnow
from incidents.models import Incident, TimelineEntry
from tests.api.conftest import Caller, MakeKey, signed_in
from tests.factories import make_incident, make_user, make_workspace

pytestmark = pytest.mark.django_db

READS = {
    "v1": ["", "/{ref}", "/{ref}/timeline", "/{ref}/remediation"],
    "client": ["", "/{ref}", "/{ref}/timeline"],
    "dashboard": ["", "/{ref}"],
}
WRITES: dict[str, list[tuple[str, str, Any]]] = {
    "v1": [
        ("POST", "/{ref}/acknowledge", None),
        ("POST", "/{ref}/snooze", {"duration": "1h"}),
        ("POST", "/{ref}/unsnooze", None),
        ("POST", "/{ref}/resolve", None),
    ],
    "client": [
        ("POST", "/{ref}/acknowledge", None),
        ("POST", "/{ref}/unacknowledge", None),
        ("POST", "/{ref}/snooze", {"duration": "1h"}),
        ("POST", "/{ref}/unsnooze", None),
        ("POST", "/{ref}/notes", {"content": "x"}),
        ("POST", "/{ref}/resolve", None),
        ("POST", "/{ref}/reopen", None),
    ],
    "dashboard": [("PATCH", "/{ref}", {"status": "closed"}), ("POST", "/{ref}/notes", {"content": "x"})],
}
ROOT = {"v1": "/api/v1/incidents", "client": "/incidents", "dashboard": "/api/alerts/incidents"}
DIALECTS = list(ROOT)


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.fixture
def call(key: MakeKey, workspace: Workspace) -> Any:
    """The caller with a role, as each dialect knows callers."""

    def of(dialect: str, role: Role, where: Workspace = workspace) -> Caller:
        return signed_in(make_user("", where, role)) if dialect == "dashboard" else key(role, workspace=where)

    return of


def reads(dialect: str, ref: str) -> list[str]:
    return [ROOT[dialect] + path.format(ref=ref) for path in READS[dialect]]


def writes(dialect: str, ref: str) -> list[tuple[str, str, Any]]:
    return [(method, ROOT[dialect] + path.format(ref=ref), body) for method, path, body in WRITES[dialect]]


def error_of(dialect: str, body: dict[str, Any]) -> Any:
    """The text of a refusal; the envelope must be the dialect's."""
    if dialect == "v1":
        assert body.keys() == {"apiVersion", "kind", "error"}
        assert body["error"].keys() == {"code", "message", "details"}
        return body["error"]["message"]
    assert len(body) == 1
    return body["error" if dialect == "dashboard" else "detail"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_role_reads(call: Any, dialect: str, role: Role, incident: Incident) -> None:
    caller = call(dialect, role)
    assert [caller.get(path).status for path in reads(dialect, incident.name)] == [200] * len(READS[dialect])


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_operators_and_admins_write(call: Any, dialect: str, role: Role, incident: Incident) -> None:
    caller = call(dialect, role)
    for method, path, body in writes(dialect, incident.public_id):
        assert caller.send(method, path, body).status == 200, path


@pytest.mark.parametrize("dialect", DIALECTS)
def test_viewers_write_nothing(call: Any, dialect: str, incident: Incident) -> None:
    caller = call(dialect, Role.VIEWER)
    before = TimelineEntry.objects.count()
    for method, path, body in writes(dialect, incident.name):
        answer = caller.send(method, path, body)
        assert answer.status == 403
        assert "operator" in error_of(dialect, answer.body)
    assert TimelineEntry.objects.count() == before


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_viewer_s_write_is_refused_before_it_is_read(call: Any, dialect: str, incident: Incident) -> None:
    """So that it learns nothing from trying."""
    caller = call(dialect, Role.VIEWER)
    for method, path, _ in writes(dialect, "inc-0fffffff"):
        assert caller.send(method, path, b"{").status == 403


def test_a_role_counts_where_it_is_held(workspace: Workspace, incident: Incident) -> None:
    """Operator in one workspace, viewer in another: what is refused is told by the service."""
    user = make_user("", make_workspace(), Role.OPERATOR)
    Membership.objects.create(user=user, workspace=workspace, role=Role.VIEWER.value)
    caller = signed_in(user)
    for method, path, body in writes("dashboard", incident.name):
        assert caller.send(method, path, body).status == 403


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_workspace_s_incident_does_not_exist(call: Any, dialect: str, incident: Incident) -> None:
    caller = call(dialect, Role.ADMIN, make_workspace())
    listed = caller.get(ROOT[dialect]).body
    assert listed.get("incidents", listed.get("items")) == []
    for path in reads(dialect, incident.public_id)[1:]:
        answer = caller.get(path)
        assert (answer.status, error_of(dialect, answer.body)) == (404, "Incident not found")
    for method, path, body in writes(dialect, incident.public_id):
        answer = caller.send(method, path, body)
        assert (answer.status, error_of(dialect, answer.body)) == (404, "Incident not found")
    assert TimelineEntry.objects.filter(incident=incident).count() == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nobody_gets_in_without_a_credential(key: MakeKey, dialect: str, incident: Incident) -> None:
    key()  # or it would be dev mode
    nobody = Caller()
    answers = [nobody.get(path) for path in reads(dialect, incident.name)]
    answers += [nobody.send(*write) for write in writes(dialect, incident.name)]
    for answer in answers:
        assert answer.status == 401
        assert error_of(dialect, answer.body)
        assert answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("dialect", ["v1", "client"])
def test_keys(operator: Caller, dialect: str, incident: Incident) -> None:
    raw = operator.headers["X-API-Key"]
    path = f"{ROOT[dialect]}/{incident.name}"
    assert Caller().get(f"{path}?api_key={raw}").status == 200
    assert Caller(**{"X-API-Key": "ak_wrong"}).get(path).status == 401
    row = ApiKey.objects.get()
    revoke_key(actor=SYSTEM, key_id=row.pk, now=utcnow())
    keyring.forget()
    assert operator.get(path).status == 401


@pytest.mark.parametrize("dialect", ["v1", "client"])
def test_a_session_is_no_key(key: MakeKey, workspace: Workspace, dialect: str) -> None:
    key()
    assert signed_in(make_user("", workspace, Role.ADMIN)).get(ROOT[dialect]).status == 401


def test_a_key_is_no_session(key: MakeKey) -> None:
    raw = key(Role.ADMIN).headers["X-API-Key"]
    for headers in ({"X-API-Key": raw}, {"Authorization": f"Bearer {raw}"}):
        answer = Caller(**headers).get("/api/alerts/incidents")
        assert (answer.status, answer.body) == (401, {"error": "Unauthorized"})
    assert Caller().get(f"/api/alerts/incidents?api_key={raw}").status == 401


def test_a_token_opens_the_dashboard(workspace: Workspace, incident: Incident) -> None:
    make_user("ben", workspace, Role.OPERATOR)
    signed = Caller().post("/api/auth/token", {"username": "ben", "password": "correct horse battery"})
    caller = Caller(Client(enforce_csrf_checks=True), Authorization=f"Bearer {signed.body['access']}")
    assert caller.get("/api/alerts/incidents").status == 200
    # A token needs no CSRF token.
    assert caller.patch(f"/api/alerts/incidents/{incident.public_id}", {"status": "closed"}).status == 200
    broken = Caller(Authorization=f"Bearer {signed.body['access']}x").get("/api/alerts/incidents")
    assert (broken.status, broken.body) == (401, {"error": "Unauthorized"})


def test_a_session_s_write_needs_its_csrf_token(workspace: Workspace, incident: Incident) -> None:
    caller = signed_in(make_user("", workspace, Role.ADMIN))
    del caller.headers["X-CSRFToken"]
    path = f"/api/alerts/incidents/{incident.public_id}"
    assert caller.get(path).status == 200
    answer = caller.patch(path, {"status": "closed"})
    assert answer.status == 403
    assert "CSRF" in answer.body["error"]
    assert caller.post(f"{path}/notes", {"content": "x"}).status == 403
    assert Incident.objects.get().status == "open"


@pytest.mark.parametrize("dialect", ["v1", "client"])
def test_a_header_narrows_to_one_workspace(key: MakeKey, workspace: Workspace, dialect: str) -> None:
    other = make_workspace("Acme", "ws-acme")
    make_incident(workspace), make_incident(other)
    everywhere, inside = key(workspace=None), key()

    def listed(caller: Caller, **headers: str) -> int:
        body = caller.get(ROOT[dialect], **headers).body
        return len(body.get("incidents", body.get("items")))

    assert listed(everywhere) == 2
    assert listed(everywhere, **{"X-Workspace-Id": "ws-acme"}) == 1
    assert listed(everywhere, **{"X-Workspace-Name": "acme"}) == 1
    assert listed(inside, **{"X-Workspace-Id": workspace.slug}) == 1
    answer = inside.get(ROOT[dialect], **{"X-Workspace-Id": "ws-acme"})
    assert answer.status == 403
    assert error_of(dialect, answer.body)


@pytest.mark.parametrize("dialect", ["v1", "client"])
@override_settings(AIOPS_ENV="dev", AIOPS_HOST="127.0.0.1", AIOPS_API_KEYS=[])
def test_dev_mode_opens_all_but_the_dashboard(dialect: str, incident: Incident) -> None:
    local = Caller(Host="localhost")
    assert local.get(ROOT[dialect]).status == 200
    assert local.send(*writes(dialect, incident.name)[0]).status == 200
    assert local.get(ROOT["dashboard"]).status == 401
    foreign = local.get(ROOT[dialect], Origin="https://evil.example")
    assert foreign.status == 403
    assert error_of(dialect, foreign.body)
