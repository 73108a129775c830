"""What the platform makes to prove its paging is in no list, no form and no count, whoever asks."""

from __future__ import annotations

import pytest
from django.test import Client

from aiops.access.actors import SYSTEM, Role
from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import User, Workspace
from aiops.kernel.errors import InvalidInput, NotFound
from incidents.catalogue.models import Service
from incidents.catalogue.services import directory
from incidents.core import selectors
from incidents.core.models import Incident
from incidents.ingest.services import internal
from notifications.delivery.models import Delivery, Destination
from notifications.escalation.models import EscalationPolicy, Route
from notifications.escalation.services import policies, routes
from notifications.watch.services import proof
from tests.factories import actor
from tests.world import World

pytestmark = pytest.mark.django_db

PAGES = (
    "/console", "/console/incidents?view=all", "/console/incidents/new", "/console/escalation", "/console/escalation/services",
    "/console/escalation/what-if", "/console/deliveries", "/console/destinations", "/console/destinations/routes",
    "/admin/incidents/service/", "/admin/incidents/incident/", "/admin/incidents/source/add/",
    "/admin/notifications/escalationpolicy/", "/admin/notifications/destination/", "/admin/notifications/delivery/",
    "/admin/notifications/servicepolicy/add/", "/admin/notifications/route/add/",
    "/api/v1/incidents", "/api/v1/escalationpolicies", "/oncall/current",
)  # fmt: skip


@pytest.fixture
def proving(world: World) -> World:
    """The installation's own workspace, while a proof is under way: its page is sent and not yet settled."""
    Workspace.objects.filter(pk=world.workspace.pk).update(slug=PRIMARY_WORKSPACE)
    world.person("ana", role=Role.ADMIN)
    world.policy({"targets": ["ana"]})
    proof.prove(world.now)
    world.sweep()
    return world


@pytest.fixture
def root(db: None) -> Client:
    """A browser in which a superuser has signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="irrelevant-here"))
    return client


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_them(proving: World, root: Client, path: str) -> None:
    answer = root.get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert [text for text in (proof.NAME, Incident.objects.get().name, "Proof of paging") if text in page] == []


def test_the_platform_alone_sees_them(proving: World) -> None:
    root = actor(proving.workspace, Role.ADMIN)
    for rows in (Service, EscalationPolicy, Destination, Incident):
        assert rows.objects.visible_to(SYSTEM).filter(is_system=True).count() == 1, rows
        assert not rows.objects.visible_to(root).filter(is_system=True).exists(), rows
    assert Delivery.objects.filter(incident__is_system=True).count() == 1
    assert not Delivery.objects.visible_to(root).exists()
    with pytest.raises(NotFound):
        selectors.incident_for(root, Incident.objects.get().public_id)


def test_nothing_else_is_led_to_them(proving: World) -> None:
    service, log = Service.objects.get(is_system=True), Destination.objects.get(is_system=True)
    root = actor(proving.workspace, Role.ADMIN)
    directory.refresh()
    known = directory.current()
    assert known.service_by_routing_key(service.routing_key) is None
    assert known.services_by_name.get((proving.workspace.pk, service.name)) is None
    assert service.pk not in known.services
    with pytest.raises(InvalidInput, match="no such shared destination"):
        policies.read_definition({"steps": [{"targets": [{"kind": "channel", "id": log.pk}]}]}, proving.workspace.pk)
    with pytest.raises(InvalidInput, match="shared destination"):
        routes.create_route(actor=root, workspace=proving.workspace, name="r", destinations=[log.pk])
    assert not Route.objects.filter(destinations=log).exists()


def test_only_a_system_incident_can_be_removed(proving: World) -> None:
    proving.fire("db")
    real = proving.incident("db")
    internal.remove(real.pk)
    internal.remove(Incident.objects.get(is_system=True).pk)
    assert list(Incident.objects.all()) == [real]
    proving.phone("ana").read_all()
