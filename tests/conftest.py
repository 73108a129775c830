"""Fixtures that most tests share. The database is a real PostgreSQL (tests/settings.py)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, settings

from aiops.access import keyring
from aiops.access.models import Workspace
from aiops.access.services import keys
from incidents.catalogue.services import directory
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.core import counting
from incidents.models import Service, Source
from tests import peers
from tests.factories import make_workspace
from tests.receivers import receivers as receivers

# Nothing random is a matter of speed, and what runs before a change may land tries the same examples each time.
settings.register_profile(
    "ours",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ours")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones begin first, so that all workers end together."""
    items.sort(key=lambda item: not any(item.iter_markers("proof")) and not any(item.iter_markers("long")))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes that are no text get the argument's name: a compressed body holds the time, and ids are the same in all workers."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """What a test logged can always be sent to the process that collects it: texts of strangers hold halves of characters."""
    report: Any = yield
    report.sections = [(name, _sendable(text)) for name, text in report.sections]
    if _sendable(str(report.longrepr)) != str(report.longrepr):
        report.longrepr = _sendable(str(report.longrepr))
    return report


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Iterator[None]:
    """Say at the very end which proofs were skipped for want of a peer, and how to get it."""
    yield
    skipped = terminalreporter.stats.get("skipped", ())
    if lines := peers.what_was_skipped(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)):
        terminalreporter.section("proofs that were skipped")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Counters, snapshots and cached fragments of one test never reach the next."""
    cache.clear()
    keyring.forget()
    directory.forget()
    keys.forget_uses()
    counting.forget()
    yield


@pytest.fixture
def workspace(db: None) -> Workspace:
    """A workspace as the product sets it up: default service, one source per kind."""
    workspace = make_workspace()
    ensure_workspace_defaults(workspace)
    return workspace


@pytest.fixture
def service(workspace: Workspace) -> Service:
    """The workspace's default service."""
    return Service.objects.get(workspace=workspace, is_default=True)


@pytest.fixture
def source(workspace: Workspace) -> Source:
    """The workspace's own generic webhook."""
    return Source.objects.get(workspace=workspace, is_default=True, kind="webhook")
