"""The frame of every page: where paging is found, and when a page was last proven to get through."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from notifications.models import PagingProof
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


def test_a_young_proof_is_told_calmly_and_an_old_or_missing_one_is_not(browser, world, viv, settings):
    settings.AIOPS_PROOF_MINUTES = 5
    assert 'class="proof late"' in proof_of(browser, viv)
    assert "Paging not proven yet" in proof_of(browser, viv)

    for age, late in ((2, False), (16, True)):
        cache.clear()
        PagingProof.objects.all().delete()
        at = world.now - minutes(age)
        PagingProof.objects.create(workspace=world.workspace, started_at=at, proved_at=at)
        shown = proof_of(browser, viv)
        assert ("late" in shown) is late
        assert f'datetime="{at:%Y-%m-%dT%H:%M:%S}' in shown
        assert 'data-time="past"' in shown


def test_where_it_is_never_proven_nothing_is_said(browser, viv, settings):
    settings.AIOPS_PROOF_MINUTES = 0
    assert "proven" not in proof_of(browser, viv)


def test_it_is_for_those_who_signed_in(client):
    assert client.get("/console/proof").status_code == 302
