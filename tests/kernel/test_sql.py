"""Queries that are written once: they find what Django's own would, with other values each time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from aiops.access.models import Workspace
from aiops.kernel.sql import CompiledQuery, Given, insert
from incidents.choices import Status
from incidents.models import Incident, TimelineEntry
from tests.factories import NOW, make_incident, minutes

pytestmark = pytest.mark.django_db


@pytest.fixture
def some(workspace: Workspace) -> list[Incident]:
    return [make_incident(workspace, labels={"number": str(n)}, at=NOW + minutes(n)) for n in range(4)]


def test_models_come_with_what_is_selected_along(some: list[Incident], django_assert_num_queries: Any) -> None:
    query = CompiledQuery(
        lambda: Incident.objects.filter(pk__any_of=Given("ids")).order_by("pk"), along=("service", "source")
    )
    for wanted in (some[:2], some[1:], []):
        found = query(ids=[incident.pk for incident in wanted])
        asked = (
            Incident.objects.select_related("service", "source")
            .filter(pk__in=[row.pk for row in wanted])
            .order_by("pk")
        )
        for ours, theirs in zip(found, asked, strict=True):
            for field in Incident._meta.concrete_fields:
                assert getattr(ours, field.attname) == getattr(theirs, field.attname)
    with django_assert_num_queries(1):
        found = query(ids=[some[3].pk])
        assert (found[0].service.name, found[0].source.name) == ("Default service", "Generic webhook")
        assert found[0].labels == {"number": "3"}


def test_tuples_and_single_values(some: list[Incident]) -> None:
    query = CompiledQuery(
        lambda: Incident.objects.filter(
            status=Given("status"), created_at__gte=Given("since"), service_id__any_of=Given("services")
        ).order_by("pk"),
        values=("pk", "service__name", "labels"),
    )
    services = [some[0].service_id]
    assert query(status=Status.OPEN, since=NOW + minutes(2), services=services) == [
        (row.pk, "Default service", row.labels) for row in some[2:]
    ]
    assert query(status=Status.CLOSED, since=NOW, services=services) == []
    assert query(status=Status.OPEN, since=NOW, services=[-1, 2**40]) == []


def test_it_runs_on_the_connection_of_the_moment_and_fails_as_django_does(some: list[Incident]) -> None:
    query = CompiledQuery(lambda: Incident.objects.filter(pk__any_of=Given("ids")), values=("pk",))
    with pytest.raises(KeyError):
        query(other=[1])
    with transaction.atomic():
        assert query(ids=[some[0].pk]) == [(some[0].pk,)]
    with pytest.raises(DataError), transaction.atomic():
        query(ids=["no number"])


def test_no_plan_is_kept_that_was_made_while_a_table_was_small(some: list[Incident]) -> None:
    query = CompiledQuery(lambda: Incident.objects.filter(pk__any_of=Given("ids")), values=("pk",))
    for _ in range(10):
        query(ids=[some[0].pk])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ANY(%' AND statement LIKE '%incidents_incident%'"
        )
        assert cursor.fetchone()[0] == 0


def entry(incident: Incident, text: str, at: Any = NOW) -> TimelineEntry:
    return TimelineEntry(
        incident=incident, at=at, kind="note_added", actor_kind="system", text=text, data={"n": [1, None, "ü"]}
    )


def test_rows_are_written_like_bulk_create_does(some: list[Incident], django_assert_num_queries: Any) -> None:
    before = TimelineEntry.objects.count()
    insert([])
    insert([entry(some[0], "one"), entry(some[1], "two\n'quoted' 100 %", NOW + timedelta(microseconds=7))])
    TimelineEntry.objects.bulk_create([entry(some[2], "three")])
    assert TimelineEntry.objects.count() == before + 3
    written = [TimelineEntry.objects.get(text=text) for text in ("one", "two\n'quoted' 100 %", "three")]
    assert [row.at for row in written] == [NOW, NOW + timedelta(microseconds=7), NOW]
    same = [
        field.attname
        for field in TimelineEntry._meta.concrete_fields
        if field.attname not in ("id", "incident_id", "text", "at")
    ]
    for row in written[:2]:
        assert [getattr(row, name) for name in same] == [getattr(written[2], name) for name in same]


def test_what_is_there_already_may_be_passed_over(workspace: Workspace) -> None:
    clash = Workspace(name="Another", slug=workspace.slug, created_at=NOW)
    before = Workspace.objects.count()
    insert([clash], ignore_conflicts=True)
    assert Workspace.objects.count() == before
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([clash])
    assert connection.is_usable()
