"""The frame of every page: where paging is found, and when a page was last proven to get through."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from aiops import probes, process
from notifications.models import PagingProof
from notifications.watch.services import clock_rollback
from tests.factories import minutes
from tests.notifications_console.conftest import element

pytestmark = pytest.mark.django_db


def proof_of(browser, user) -> str:
    return element(browser(user).get("/console/proof").content.decode(), "proof")


def test_the_rail_leads_to_every_page_of_paging(browser, viv):
    page = browser(viv).get("/console").content.decode()
    for path in ("oncall", "escalation", "deliveries", "destinations", "notifications"):
        assert f'href="/console/{path}"' in page
        assert browser(viv).get(f"/console/{path}").status_code == 200


@pytest.fixture
def swept(db, monkeypatch):
    """Somebody looked for due pages just now, or so long ago; and this process has run for an hour."""

    def look(ago: timedelta = timedelta(0)) -> None:
        clock_rollback.look()
        clock_rollback.look()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE notifications_sweepclock SET seen_at = clock_timestamp() - %s", [ago])
        probes.paging.forget()

    monkeypatch.setattr(process, "STARTED", process.STARTED - 3600)
    look()
    yield look
    probes.paging.forget()


def test_a_young_proof_is_told_calmly_and_an_old_or_missing_one_is_not(browser, world, viv, settings, swept):
    settings.AIOPS_PROOF_MINUTES = 5
    shown = proof_of(browser, viv)
    assert 'class="proof late"' in shown
    assert "Paging is late: no test page has arrived yet" in shown
    assert 'href="/health"' in shown

    at = world.now - minutes(2)
    row = PagingProof.objects.create(workspace=world.workspace, started_at=at, proved_at=at)
    probes.paging.forget()
    shown = proof_of(browser, viv)
    assert "late" not in shown
    assert "Paging engine proven" in shown
    assert f'datetime="{at:%Y-%m-%dT%H:%M:%S}' in shown
    assert 'data-time="past"' in shown

    at = world.now - minutes(16)
    PagingProof.objects.filter(pk=row.pk).update(started_at=at, proved_at=at)
    probes.paging.forget()
    assert "Paging is late: no test page has arrived for 16 min" in proof_of(browser, viv)


def test_a_sweep_that_stands_still_is_said_on_every_page(browser, world, viv, settings, swept):
    settings.AIOPS_PROOF_MINUTES = 0
    assert "late" not in proof_of(browser, viv)
    swept(timedelta(minutes=3))
    page = browser(viv).get("/console/incidents").content.decode()
    assert "Paging is late: nobody has looked for due pages for 3 min" in element(page, "proof")


def test_where_it_is_never_proven_nothing_is_said(browser, viv, settings, swept):
    settings.AIOPS_PROOF_MINUTES = 0
    assert "proven" not in proof_of(browser, viv)


def test_it_is_for_those_who_signed_in(client):
    assert client.get("/console/proof").status_code == 302
