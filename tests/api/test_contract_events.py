"""Every example of the page "Incidents" of the events API, replayed word for word."""

from __future__ import annotations

import pytest

from aiops.kernel.clock import utcnow
from incidents.models import Incident, Service
from incidents.response.api import states
from incidents.response.api.events import vocab
from tests.api.conftest import Caller
from tests.api.contracts import example, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(operator: Caller) -> Caller:
    """As the page's curl calls: the key as Bearer."""
    return Caller(Authorization=f"Bearer {operator.headers['X-API-Key']}")


def body(action: str, service: Service) -> bytes:
    return text(f"events/{action}").replace(b"SERVICE_ROUTING_KEY", service.routing_key.encode())


def state() -> str:
    return states.word_of(vocab.STATES, Incident.objects.get(), utcnow())


def test_from_trigger_to_resolution(sender: Caller, service: Service) -> None:
    triggered = sender.post("/api/events", body("trigger", service))
    assert (triggered.status, triggered.body["status"]) == (202, "success")
    assert state() == "TRIGGERED"
    incident = Incident.objects.get()
    payload = example("events/trigger")["payload"]
    assert (incident.title, incident.source_name) == (payload["summary"], payload["source"])
    assert vocab.SEVERITIES[incident.severity] == payload["severity"]  # type: ignore[index]
    assert incident.service == service

    acknowledged = sender.post("/api/events", body("acknowledge", service))
    assert (acknowledged.status, state()) == (202, "ACKNOWLEDGED")

    resolved = sender.post("/api/events", body("resolve", service))
    assert (resolved.status, state()) == (202, "RESOLVED")


def test_same_key_updates_and_a_new_key_opens(sender: Caller, service: Service) -> None:
    sender.post("/api/events", body("trigger", service))
    sender.post("/api/events", body("trigger", service))
    assert Incident.objects.get().occurrences == 2

    sender.post("/api/events", body("trigger", service).replace(b"cpu-high", b"disk-full"))
    assert Incident.objects.count() == 2


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_of_nothing_is_accepted(sender: Caller, service: Service, action: str) -> None:
    assert sender.post("/api/events", body(action, service)).status == 202
    assert not Incident.objects.exists()
