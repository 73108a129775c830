"""The Celery apps: short tasks in the queue ``paging``, long ones in ``long``. Deadlines are columns of the database."""

from __future__ import annotations

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, worker_process_init
from django.conf import settings
from django.db import connections

from aiops import beat, process
from aiops.audit import facts
from aiops.kernel.memory import Trimmer
from aiops.kernel.outbox import duties
from aiops.kernel.outbox.duty import QUEUES
from aiops.kernel.outbox.standby import Standby
from aiops.kernel.timekeeper import Timekeeper


class OneLine(logging.Filter):
    """A ring that did not get through is told in a line: the next one comes in seconds, and a broker may be away for long."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg.startswith("Message Error") and isinstance(record.args, tuple):
            record.msg, record.args, record.exc_info = "%s", record.args[:1], None
        return True


@task_postrun.connect
def give_connections_back(**_: object) -> None:
    """What a task borrowed goes back to the pool. Celery itself closes the whole pool after each task of a forked worker, under
    the threads that still speak to providers; CELERY_DB_REUSE_MAX keeps it from that."""
    connections.close_all()


@worker_process_init.connect
def begin_beside(**_: object) -> None:
    """Each process of a worker agrees with PostgreSQL about the time, keeps deadlines also when nobody tells it to, and ends with
    its parent."""
    process.follow()
    facts.default_to(facts.TIMER)
    Timekeeper().start()
    Trimmer().start()
    first = QUEUES[0]
    if first in app.amqp.queues.consume_from:
        standby = Standby({duty.task: app.tasks[duty.task] for duty in duties() if duty.queue == first})
        task_postrun.connect(lambda task, **_: standby.rang(task.name), weak=False)
        standby.start()


logging.getLogger("celery.beat").addFilter(OneLine())


def make_app(name: str, *, current: bool = True) -> Celery:
    """An app over our settings that knows the tasks of all installed apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
    made = Celery(name, set_as_current=current)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.conf.broker_connection_max_retries = None  # a broker that is away for an hour is still waited for
    made.autodiscover_tasks()
    return made


app = make_app("aiops")


def beat_schedule() -> dict[str, Any]:
    """What beat sends: the periodic work of the settings, and the sweeps of the duties that apps registered."""
    sweeps = {
        duty.task: beat.entry(duty.task, duty.queue, duty.every, settings.AIOPS_TASKS_EXPIRE) for duty in duties()
    }
    return settings.CELERY_BEAT_SCHEDULE | sweeps
