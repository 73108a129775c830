"""Several chainers at once, and one that is killed in the middle of its work."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from aiops.audit import chain
from aiops.audit.models import AuditEvent, AuditSeal
from aiops.audit.verifying import verify
from tests.audit.conftest import write
from tests.factories import NOW, make_workspace

pytestmark = [pytest.mark.proof, pytest.mark.django_db(transaction=True)]

EVENTS = 2000


def chainer() -> subprocess.Popen[Any]:
    url = urlsplit(settings.SERVER_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {**os.environ, "DATABASE_URL": url, "AIOPS_SECRET_KEY": settings.SECRET_KEY}
    return subprocess.Popen([sys.executable, "-m", "tests.audit.sealing"], env=environment, stdout=subprocess.PIPE)


def test_two_chainers_leave_no_hole_and_a_killed_one_loses_nothing() -> None:
    events = [write(make_workspace()), write(make_workspace()), write(None)]
    copies = (AuditEvent(**{**row, "id": None}) for _ in range(EVENTS // 3) for row in _rows(events))
    AuditEvent.objects.bulk_create(copies)
    chainers = [chainer(), chainer()]
    try:
        for process in chainers:  # both are at work
            assert process.stdout is not None
            assert process.stdout.readline() == b"sealed\n"
        chainers[0].kill()
        chainers[0].wait()
        assert AuditSeal.objects.filter(position__isnull=True).exists(), "it was killed too late to prove anything"
        assert chainers[1].wait() == 0
    finally:
        for process in chainers:
            process.kill()
            process.communicate()
    report = verify(NOW)
    assert (report.findings, report.waiting, report.events) == ([], 0, AuditEvent.objects.count())
    assert chain.seal_all(NOW) == 0


def _rows(events: list[AuditEvent]) -> list[dict[str, Any]]:
    return list(AuditEvent.objects.filter(pk__in=[event.pk for event in events]).values())
