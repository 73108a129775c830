"""Events to verify, and a hand that can do what the application cannot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from aiops.access.models import Workspace
from aiops.audit.models import AuditEvent
from aiops.audit.recording import Object, record
from tests.api.conftest import key as key
from tests.api.conftest import operator as operator
from tests.factories import NOW, actor


def write(workspace: Workspace | None, name: str = "payments", verb: str = "service.update") -> AuditEvent:
    """One event about a service."""
    who = actor(workspace) if workspace is not None else actor(Workspace(pk=0))
    about = Object("service", "7", name, workspace.pk if workspace is not None else None)
    record(verb, actor=who, object=about, now=NOW, before={"name": "old"}, after={"name": name})
    return AuditEvent.objects.latest("pk")


@pytest.fixture
def tamper(db: None) -> Callable[[str], None]:
    """Run SQL as somebody who has switched the triggers off."""

    def run(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(statement)
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")

    return run
