"""The hot lists go by their indexes, also with the platform's own incidents left out."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import QuerySet

from aiops.access.actors import Role
from aiops.access.models import Workspace
from incidents.core import selectors
from incidents.core.models import Incident
from tests.factories import NOW, actor, make_incident

FILL = """
INSERT INTO incidents_incident (workspace_id, name, dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title,
    description, severity, priority, status, source_name, service_name, namespace, pod, deployment, resource_kind,
    resource_name, signal_type, labels, links, metric, is_system, occurrences, created_at, updated_at, last_seen_at)
SELECT workspace_id, 'INC-20260101-' || g, gen_random_uuid(), 'k' || g, dedup_strategy, service_id, source_id, title,
    description, 1 + g %% 5, priority, CASE WHEN g %% 10 = 0 THEN 'open' ELSE 'closed' END, source_name, service_name,
    namespace, pod, deployment, resource_kind, resource_name, signal_type, labels, links, metric, g %% 500 = 0, 1,
    created_at, updated_at, last_seen_at
FROM incidents_incident, generate_series(1, 20000) g WHERE id = %s
"""


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    """20,000 incidents, of which a tenth is live and a few are the platform's own."""
    first = make_incident(workspace)
    with connection.cursor() as cursor:
        cursor.execute(FILL, [first.pk])
        cursor.execute("ANALYZE incidents_incident")
    return workspace


def plan(queryset: QuerySet) -> str:
    """What PostgreSQL would do."""
    return queryset.explain()


@pytest.mark.django_db
def test_the_hot_lists_go_by_their_indexes(many: Workspace) -> None:
    viewer = actor(many, Role.VIEWER)
    newest = selectors.listing(viewer)[:50]
    worst = selectors.listing(viewer).live().by_severity()[:50]
    waiting = selectors.listing(viewer).needing_someone(NOW).by_severity()[:5]
    assert all(step not in plan(newest) for step in ("Sort", "Seq Scan on incidents_incident"))
    assert "incidents_live_severity" in plan(worst)
    assert "incidents_live_severity" in plan(waiting)
    assert not any(incident.is_system for incident in newest)
    counted = Incident.objects.visible_to(viewer).live()
    assert "Seq Scan on incidents_incident" not in plan(counted)
    assert counted.count() == 2000 - 40 + 1
