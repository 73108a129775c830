"""Services and sources, and their keys."""

from __future__ import annotations

import re

import pytest

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Team, Workspace
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from incidents.catalogue.services import directory
from incidents.catalogue.services.catalogue import create_service, create_source, rotate_routing_key, rotate_source_key
from incidents.choices import Priority, SourceKind
from incidents.models import Service, Source
from tests.factories import actor, make_service, make_source, make_workspace

pytestmark = pytest.mark.django_db


def test_a_service_gets_a_routing_key_as_pagerduty_clients_expect_one(workspace: Workspace) -> None:
    team = Team.objects.create(workspace=workspace, name="SRE")
    service = create_service(
        actor=actor(workspace, Role.ADMIN),
        workspace=workspace,
        name=" payments-api ",
        owner=team,
        default_priority=Priority.P1,
    )
    assert (service.name, service.owner, service.default_priority, service.is_default) == (
        "payments-api",
        team,
        1,
        False,
    )
    assert re.fullmatch("[0-9a-f]{32}", service.routing_key)
    directory.refresh()
    known = directory.current().service_by_routing_key(service.routing_key)
    assert known is not None
    assert known.pk == service.pk


def test_no_key_is_stored_in_clear(workspace: Workspace) -> None:
    service, source = Service.objects.first(), Source.objects.first()
    assert service.routing_key not in str(Service.objects.values())
    assert source.key not in str(Source.objects.values())


def test_rotating_ends_the_old_key(workspace: Workspace, service: Service, source: Source) -> None:
    admin = actor(workspace, Role.ADMIN)
    old_service_key, old_source_key = service.routing_key, source.key
    new_service_key = rotate_routing_key(actor=admin, service_id=service.pk).routing_key
    new_source_key = rotate_source_key(actor=admin, source_id=source.pk).key
    directory.refresh()
    known = directory.current()
    assert known.service_by_routing_key(old_service_key) is None
    assert known.service_by_routing_key(new_service_key) is not None
    assert known.source_by_key(old_source_key) is None
    assert known.source_by_key(new_source_key) is not None


def test_it_takes_an_admin_of_the_workspace(workspace: Workspace, service: Service, source: Source) -> None:
    operator, stranger = actor(workspace, Role.OPERATOR), actor(make_workspace(), Role.ADMIN)
    for who, refusal in ((operator, NotPermitted), (stranger, NotFound)):
        with pytest.raises(NotPermitted):
            create_service(actor=who, workspace=workspace, name="new")
        with pytest.raises(NotPermitted):
            create_source(actor=who, workspace=workspace, kind=SourceKind.WEBHOOK, name="new")
        with pytest.raises(refusal):
            rotate_routing_key(actor=who, service_id=service.pk)
        with pytest.raises(refusal):
            rotate_source_key(actor=who, source_id=source.pk)


def test_bad_input_names_the_field(workspace: Workspace) -> None:
    other = make_workspace()
    foreign_team, foreign_service = Team.objects.create(workspace=other, name="SRE"), make_service(other)
    make_service(workspace, "payments-api")
    make_source(workspace, name="prod")
    for fields, field in (
        ({"name": " "}, "name"),
        ({"name": "Payments-API"}, "name"),
        ({"name": "new", "owner": foreign_team}, "owner"),
    ):
        with pytest.raises(InvalidInput) as refused:
            create_service(actor=SYSTEM, workspace=workspace, **fields)
        assert refused.value.field == field
    for fields, field in (
        ({"name": ""}, "name"),
        ({"name": "prod"}, "name"),
        ({"name": "new", "service": foreign_service}, "service"),
    ):
        with pytest.raises(InvalidInput) as refused:
            create_source(actor=SYSTEM, workspace=workspace, kind=SourceKind.WEBHOOK, **fields)
        assert refused.value.field == field
