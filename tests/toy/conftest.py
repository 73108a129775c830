"""The toy app, installed for one test; and the accounts and people of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

import tests.toy
from tests.receivers import receivers as receivers
from tests.responding.conftest import *  # noqa: F403 - its fixtures
from tests.toy.apps import ToyConfig
from tests.toy.models import Drill
from tests.world import world as world


@pytest.fixture(scope="session")
def toy_table(django_db_setup: None, django_db_blocker: Any) -> None:
    """The table of an app that only tests install."""
    with django_db_blocker.unblock():
        if Drill._meta.db_table not in connection.introspection.table_names():
            with connection.schema_editor() as editor:
                editor.create_model(Drill)


@pytest.fixture(autouse=True)
def toy(toy_table: None, db: None) -> Iterator[ToyConfig]:
    """The app, installed: its ``ready()`` has run."""
    Drill.objects.all().delete()
    config = ToyConfig("tests.toy", tests.toy)
    config.ready()
    yield config
    config.gone()
