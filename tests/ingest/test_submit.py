"""Signals that the platform raises itself go the way of every other, and no two apps meet in one incident."""

from __future__ import annotations

import pytest

from aiops.access.models import Workspace
from incidents.catalogue.services import directory
from incidents.choices import PRIORITY_OF, Priority, Result, Severity, SourceKind
from incidents.contracts import Route
from incidents.core.models import Incident
from incidents.ingest.services import internal
from incidents.ingest.services.ingest import submit
from incidents.models import Service, Source
from tests.factories import NOW, make_signal, minutes

pytestmark = pytest.mark.django_db


def raised(scope: str, workspace: Workspace, **more: object) -> Incident:
    outcome = internal.raise_internal(
        scope=scope, workspace_id=workspace.pk, dedup_key="disk", title="It fills", now=NOW, **more
    )
    return Incident.objects.get(pk=outcome.incident_id)


def test_two_apps_with_the_same_key_have_an_incident_each(workspace: Workspace) -> None:
    one, other = raised("slo", workspace), raised("runbooks", workspace)
    assert one.pk != other.pk
    assert raised("slo", workspace).pk == one.pk
    internal.clear_internal(scope="slo", workspace_id=workspace.pk, dedup_key="disk", now=NOW + minutes(1))
    assert [Incident.objects.get(pk=row.pk).status for row in (one, other)] == ["resolved", "open"]


def test_without_a_scope_a_key_is_that_of_the_source(workspace: Workspace, service: Service, source: Source) -> None:
    first = submit(source, [make_signal(dedup_key="k")], NOW, service=service)[0]
    directory.refresh()
    known = directory.current()
    route = known.route(known.default_sources[workspace.pk, SourceKind(source.kind)], service.name)
    assert route == Route.of(source, service)
    again = submit(source, [make_signal(dedup_key="k"), make_signal(dedup_key="l")], NOW, service=service)
    assert [(it.result, it.incident_id == first.incident_id) for it in again] == [
        (Result.REPEATED, True),
        (Result.OPENED, False),
    ]


def test_the_priority_is_the_given_one_else_the_services_else_that_of_the_severity(
    workspace: Workspace, service: Service
) -> None:
    assert raised("a", workspace, severity=Severity.LOW).priority == PRIORITY_OF[Severity.LOW]
    Service.objects.filter(pk=service.pk).update(default_priority=Priority.P3)
    assert raised("b", workspace, severity=Severity.LOW).priority == Priority.P3
    assert raised("c", workspace, severity=Severity.LOW, priority=Priority.P1).priority == Priority.P1
