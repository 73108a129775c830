"""What beat tells the workers to do: every task of it exists, runs on an empty installation, and on one that was set up."""

from __future__ import annotations

import pytest
from django.conf import settings

from aiops.access.models import Workspace
from aiops.celery import app, beat_schedule
from aiops.kernel.clock import utcnow
from aiops.kernel.outbox import duties
from aiops.kernel.outbox.duty import QUEUES
from notifications import tasks
from notifications.escalation.services.defaults import ensure_paging

pytestmark = pytest.mark.django_db(transaction=True)
app.loader.import_default_modules()  # as a worker does when it starts
PERIODIC = [entry["task"] for entry in beat_schedule().values()]


@pytest.mark.parametrize("name", PERIODIC)
@pytest.mark.parametrize("is_set_up", [False, True])
def test_each_periodic_task_runs(name: str, is_set_up: bool, request: pytest.FixtureRequest) -> None:
    if is_set_up:
        workspace: Workspace = request.getfixturevalue("workspace")
        ensure_paging(workspace, utcnow())
    app.tasks[name]()


def test_they_go_where_a_worker_listens_and_may_wait_for_it() -> None:
    for entry in beat_schedule().values():
        assert entry["options"]["queue"] in QUEUES
        assert entry["options"]["expires"] >= 3600
    kept = {duty.task: duty.every for duty in duties()}
    assert kept.keys() <= set(PERIODIC)
    assert all(app.tasks[name] is not None for name in kept)
    assert kept[tasks.page.name] == settings.AIOPS_PAGING_SECONDS
