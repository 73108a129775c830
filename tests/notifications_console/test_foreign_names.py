"""Whatever people call themselves and what is theirs, the words of a page around it stand as we wrote them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aiops.access.actors import SYSTEM, Role
from incidents.catalogue.services.catalogue import create_service
from notifications.choices import ChannelKind
from notifications.oncall.services import schedules
from tests.notifications_console.conftest import make_shared, page_of
from tests.world import World

pytestmark = pytest.mark.django_db

NAME = "\u202eNOC \u2066דנה\u200b"  # turns round what follows it, and ends in what nobody sees
LEFT = "NOC דנה"
PAGES = (
    "/console", "/console/incidents", "/console/incidents/new", "/console/oncall", "/console/oncall/1",
    "/console/oncall/fairness", "/console/escalation", "/console/escalation/services", "/console/escalation/what-if",
    "/console/deliveries", "/console/destinations", "/console/destinations/routes",
)  # fmt: skip


@pytest.fixture
def named(world: World) -> World:
    ana = world.person("ana", role=Role.ADMIN, last_name=NAME)
    log = make_shared(world, NAME, kind=ChannelKind.LOG, address="book")
    world.policy({"targets": ["ana", ("channel", log.pk)], "name": NAME}, name=NAME)
    create_service(actor=SYSTEM, workspace=world.workspace, name=NAME)
    layer = schedules.LayerDraft(starts_at=world.now - timedelta(hours=1), members=[ana.pk], name=NAME)
    draft = schedules.ScheduleDraft(name=NAME, layers=[layer])
    schedules.create_schedule(actor=SYSTEM, workspace_id=world.workspace.pk, draft=draft, now=world.now)
    world.fire("db")
    yield world
    world.phone("ana").read_all()


def test_no_page_shows_what_turns_its_words_round(browser, named):
    client = browser(named.people["ana"])
    schedule = f"/console/oncall/{named.workspace.schedules.get().pk}"
    pages = [schedule if path == "/console/oncall/1" else path for path in PAGES] + [page_of(named.incident("db"))]
    shown = {path: client.get(path).content.decode() for path in pages}
    assert [path for path, page in shown.items() if any(sign in page for sign in "\u202e\u2066\u200b")] == []
    assert sum(LEFT in page for page in shown.values()) >= len(pages) - 2


def test_joiners_and_right_to_left_words_stay(browser, named):
    ana = named.people["ana"]
    ana.last_name = "می‌خواهم 👩‍🚒"
    ana.save()
    assert ana.last_name in browser(ana).get("/console/oncall").content.decode()


@pytest.mark.parametrize("path", ["/console/incidents", "/console/incidents/new", "/console/escalation/what-if"])
def test_the_service_of_the_proof_is_offered_nowhere(browser, named, path):
    create_service(actor=SYSTEM, workspace=named.workspace, name="our own test", is_system=True)
    page = browser(named.people["ana"]).get(path).content.decode()
    assert LEFT in page
    assert "our own test" not in page


def test_an_address_is_shown_as_it_is_written(browser, named):
    client, ana = browser(named.people["ana"]), named.people["ana"]
    client.post("/console/notifications/destinations", {"kind": "sms", "address": "+15550009999"})
    ana.destinations.update(verified_at=None, label="ada@example.com")
    assert "ada@example.com: it is not verified" in client.get("/console/notifications").content.decode()
