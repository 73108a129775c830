"""Every example of the page "Resolve Incident", replayed word for word."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from incidents.choices import Severity, Status
from incidents.models import Incident
from incidents.response.services import incidents
from tests.api.conftest import Caller
from tests.api.contracts import example, text
from tests.factories import actor, fire, make_incident, make_route, minutes

pytestmark = pytest.mark.django_db

SIGNAL = {
    "severity": Severity.CRITICAL,
    "namespace": "production",
    "deployment": "payment-service",
    "resource_kind": "Deployment",
    "resource_name": "payment-service",
    "signal_type": "oom_kill",
    "dedup_key": "payment-service-oom",
}
DETECTED = datetime.fromisoformat("2026-03-19T14:30:00Z")
RESOLUTION = example("v1/resolve-200")["status"]["resolution"]


@pytest.fixture
def escalated(workspace: Workspace) -> Incident:
    """INC-20260319-001 as the page tells its story: detected, tried three times, escalated."""
    incident = make_incident(workspace, DETECTED, **SIGNAL)
    incidents.escalate(actor=actor(workspace), incident_id=incident.pk, now=DETECTED + minutes(45))
    Incident.objects.filter(pk=incident.pk).update(remediation_attempts=3)
    assert incident.name == "INC-20260319-001"
    return incident


def test_resolve_of_an_escalated_incident(operator: Caller, escalated: Incident) -> None:
    before = utcnow()
    answer = operator.post("/api/v1/incidents/INC-20260319-001/resolve", {"resolution": RESOLUTION})

    resolved_at = answer.body["status"]["resolvedAt"]
    varies = {"status.resolvedAt": resolved_at}
    expected = example("v1/resolve-200", varies)
    expected["metadata"]["annotations"]["aiops.chatcli.io/resolved-at"] = resolved_at
    assert (answer.status, answer.body) == (200, expected)
    assert timedelta(seconds=-1) < datetime.fromisoformat(resolved_at) - before < timedelta(seconds=30)
    assert datetime.fromisoformat(resolved_at).microsecond == 0


def test_the_page_s_own_request(operator: Caller, escalated: Incident) -> None:
    path = "/api/v1/incidents/INC-20260319-001/resolve?namespace=production"
    answer = operator.post(path, text("v1/resolve-request"))
    assert answer.status == 200
    assert answer.body["status"]["resolution"] == "<string>"


@pytest.mark.parametrize("body", [None, {}, {"resolution": ""}, {"resolution": None}, {"resolution": "  "}])
def test_a_resolution_that_is_left_out(operator: Caller, escalated: Incident, body: object) -> None:
    answer = operator.post("/api/v1/incidents/INC-20260319-001/resolve", body)
    assert answer.body["status"]["resolution"] == "Manually resolved via dashboard"


def test_resolve_of_nothing(operator: Caller, escalated: Incident) -> None:
    answer = operator.post("/api/v1/incidents/INC-20260319-999/resolve?namespace=production", {"resolution": "x"})
    assert (answer.status, answer.body) == (404, example("v1/resolve-404"))


def test_the_404_names_default_when_no_namespace_is_given(operator: Caller) -> None:
    answer = operator.post("/api/v1/incidents/INC-20260319-999/resolve")
    assert answer.body["error"]["details"] == "No incident named 'INC-20260319-999' found in namespace 'default'"


def test_resolve_of_what_is_resolved(operator: Caller, workspace: Workspace, escalated: Incident) -> None:
    now = datetime.fromisoformat("2026-03-19T16:45:00Z")
    incidents.resolve(actor=actor(workspace), incident_id=escalated.pk, now=now, resolution=RESOLUTION)

    answer = operator.post("/api/v1/incidents/INC-20260319-001/resolve", {"resolution": "again"})

    assert (answer.status, answer.body) == (409, example("v1/resolve-409"))
    assert Incident.objects.get(pk=escalated.pk).resolution == RESOLUTION


def test_after_a_resolve_the_same_alert_opens_a_new_incident(
    operator: Caller, workspace: Workspace, escalated: Incident
) -> None:
    operator.post("/api/v1/incidents/INC-20260319-001/resolve")
    outcome = fire(make_route(workspace), DETECTED + minutes(300), **SIGNAL)
    assert not outcome.deduplicated
    assert outcome.incident_id != escalated.pk
    assert Incident.objects.get(pk=escalated.pk).status == Status.RESOLVED


def test_every_key_of_the_page_is_in_a_get_too(operator: Caller, escalated: Incident) -> None:
    operator.post("/api/v1/incidents/INC-20260319-001/resolve", {"resolution": RESOLUTION})
    shown = operator.get("/api/v1/incidents/INC-20260319-001").body
    page = example("v1/resolve-200")
    assert shown.keys() >= page.keys()
    for part in ("metadata", "spec", "status"):
        assert shown[part].keys() >= page[part].keys()
    assert shown["spec"]["resourceRef"] == page["spec"]["resourceRef"]
