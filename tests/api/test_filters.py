"""The filters that the console and the dialects share, in our own words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import QueryDict

from aiops.access.models import Workspace
from aiops.kernel.errors import InvalidInput
from incidents.choices import Severity, Status
from incidents.core import selectors
from incidents.core.filters import IncidentFilterSet, narrow
from incidents.models import Incident
from incidents.response.services import incidents
from tests.factories import NOW, actor, make_incident, make_route, make_service

pytestmark = pytest.mark.django_db


def found(workspace: Workspace, query: str) -> list[str]:
    rows = narrow(IncidentFilterSet, QueryDict(query), selectors.listing(actor(workspace)), NOW)
    return [incident.title for incident in rows]


def test_status_and_severity_in_our_words(workspace: Workspace) -> None:
    for status in Status:
        make_incident(workspace, title=status.value, severity=Severity.LOW)
        Incident.objects.filter(title=status.value).update(status=status)
    assert found(workspace, "status=open") == ["open"]
    assert found(workspace, "status=open,closed") == found(workspace, "status=closed&status=open") == ["closed", "open"]
    assert len(found(workspace, "severity=low")) == 5
    assert found(workspace, "severity=high&status=open") == []


def test_service_by_its_owner_or_by_what_the_signal_said(workspace: Workspace) -> None:
    service = make_service(workspace, "Payments")
    make_incident(workspace, title="owned")
    Incident.objects.filter(title="owned").update(service=service)
    make_incident(workspace, title="said", service="payments")
    make_incident(workspace, title="other")
    assert found(workspace, "service=PAYMENTS") == ["said", "owned"]


def test_search(workspace: Workspace) -> None:
    incident = make_incident(workspace, title="CPU high on web", namespace="production", description="over 90%")
    make_incident(workspace, title="Disk full", deployment="web", dedup_key="disk-/dev/sda")
    assert found(workspace, "q=web") == ["Disk full", "CPU high on web"]
    assert found(workspace, "q=cpu+PRODUCTION") == ["CPU high on web"]
    assert found(workspace, "q=cpu+disk") == []
    assert found(workspace, "q=90%25") == ["CPU high on web"]
    assert found(workspace, "q=90_") == []  # no pattern language
    assert found(workspace, "q=/dev/sda") == ["Disk full"]
    assert found(workspace, f"q={incident.name}") == found(workspace, f"q={incident.public_id}") == ["CPU high on web"]
    assert found(workspace, "q=+") == ["Disk full", "CPU high on web"]
    assert found(workspace, "q=" + "+".join(["web"] * 500)) == ["Disk full", "CPU high on web"]


def test_snoozed(workspace: Workspace) -> None:
    for title in ("plain", "snoozed", "woken"):
        make_incident(workspace, title=title)
    for title, minutes in (("snoozed", 5), ("woken", -5)):
        Incident.objects.filter(title=title).update(snoozed_until=NOW + timedelta(minutes=minutes))
    assert found(workspace, "snoozed=true") == ["snoozed"]
    assert found(workspace, "snoozed=no") == ["woken", "plain"]


def test_before_gives_the_next_page(workspace: Workspace) -> None:
    made = [make_incident(workspace, title=str(n)) for n in range(4)]
    assert found(workspace, f"before={made[2].public_id}") == ["1", "0"]
    assert found(workspace, f"before={made[0].public_id}") == []


def test_a_filter_never_opens_another_workspace(workspace: Workspace) -> None:
    incident = make_incident(title="not ours")
    assert (
        found(workspace, f"q={incident.public_id}")
        == found(workspace, "q=ours")
        == found(workspace, "status=open")
        == []
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=opened", "status must be one of: open, acknowledged, investigating, resolved, closed (not 'opened')"),
        ("severity=%00", "severity must be one of: critical, high, medium, low, info"),
        ("since=1", "since must be an RFC 3339 time with its zone"),
        ("snoozed=maybe", "snoozed must be true or false"),
        ("before=7", "before must be an incident id such as inc-0000002a"),
    ],
)
def test_what_can_t_be_read_is_named(workspace: Workspace, query: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        found(workspace, query)
    assert refused.value.message.startswith(message)
    assert refused.value.field == query.partition("=")[0]


def test_a_snooze_that_is_over_is_none_before_the_sweep_has_cleared_it(workspace: Workspace) -> None:
    make_route(workspace)
    incident = make_incident(workspace, title="x")
    who = {"actor": actor(workspace), "incident_id": incident.pk}
    incidents.snooze(now=NOW - timedelta(hours=2), duration=timedelta(hours=1), **who)
    assert found(workspace, "snoozed=true") == []
