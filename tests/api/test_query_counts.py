"""How many queries a request takes: the same for three incidents as for thirty."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aiops.access.actors import Role
from aiops.access.models import User, Workspace
from incidents.choices import Severity
from incidents.models import Incident
from incidents.response.services import incidents
from tests.api.conftest import Caller, signed_in
from tests.factories import NOW, actor, make_incident, make_service, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(workspace: Workspace) -> User:
    return make_user("ben", workspace, Role.OPERATOR)


def fill(workspace: Workspace, assignee: User, count: int) -> Incident:
    """Incidents with everything that a row shows of other tables."""
    for n in range(count):
        make_service(workspace)
        incident = make_incident(workspace, severity=Severity(1 + n % 5), metric={"rule_id": "r", "threshold": 1})
        who = {"actor": actor(workspace), "incident_id": incident.pk, "now": NOW}
        incidents.assign(assignee=assignee, **who)
        incidents.add_note(content=f"note {n}", **who)
        incidents.acknowledge(**who)
    return incident


def queries(caller: Caller, path: str) -> int:
    caller.get(path)  # what is remembered (keys, for two seconds) is remembered
    with CaptureQueriesContext(connection) as captured:
        assert caller.get(path).status == 200
    return len(captured)


# Of a key: nothing for access (keys are remembered). Of a person: session, user, memberships.
@pytest.mark.parametrize(
    ("path", "who", "expected"),
    [
        ("/api/v1/incidents?pageSize=100", "key", 3),  # the page, its total, how far escalations are
        ("/api/v1/incidents?pageSize=100&state=Detected&severity=low&namespace=default", "key", 3),
        ("/incidents?limit=100", "key", 1),
        ("/api/alerts/incidents?limit=100", "person", 3 + 4),  # the page, notes, history, openCount
        ("/webhook/dead-letter", "key", 1),
    ],
)
def test_lists(operator: Caller, workspace: Workspace, person: User, path: str, who: str, expected: int) -> None:
    caller = operator if who == "key" else signed_in(person)
    fill(workspace, person, 3)
    few = queries(caller, path)
    fill(workspace, person, 27)
    assert (few, queries(caller, path)) == (expected, expected)


@pytest.mark.parametrize(
    ("path", "who", "expected"),
    [
        ("/api/v1/incidents/{ref}", "key", 2),  # itself, how far its escalation is
        ("/api/v1/incidents/{ref}/timeline", "key", 2),
        ("/incidents/{ref}", "key", 1),
        ("/incidents/{ref}/timeline", "key", 2),
        ("/api/alerts/incidents/{ref}", "person", 3 + 3),
    ],
)
def test_one(operator: Caller, workspace: Workspace, person: User, path: str, who: str, expected: int) -> None:
    caller: Any = operator if who == "key" else signed_in(person)
    where = path.format(ref=fill(workspace, person, 3).name)
    assert queries(caller, where) == expected
