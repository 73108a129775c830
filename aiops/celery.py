"""The Celery apps: short tasks in the queue ``paging``, long ones in ``long``. Deadlines are columns; nothing here keeps time."""

from __future__ import annotations

import os

from celery import Celery

QUEUES = ("paging", "long")  # each with its own threads, so that long work never delays a page


def make_app(name: str, *, current: bool = True) -> Celery:
    """An app over our settings that knows the tasks of all installed apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
    made = Celery(name, set_as_current=current)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.conf.broker_connection_max_retries = None  # a broker that is away for an hour is still waited for
    made.autodiscover_tasks()
    return made


app = make_app("aiops")
