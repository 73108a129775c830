"""A service and a source are changed by one verb each, which the administration uses as well."""

from __future__ import annotations

import pytest
from django.test import Client

from aiops.access.actors import Role
from aiops.access.models import Team, User, Workspace
from aiops.audit.models import AuditEvent
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from incidents.catalogue.services import editing
from incidents.choices import Priority
from incidents.models import Service, Source
from tests.factories import actor, make_service, make_source, make_workspace

pytestmark = pytest.mark.django_db

SAID = {"name": " Payments ", "description": "Money", "owner": None, "default_priority": Priority.P2}
SENT = {"name": "prod", "service": None, "enabled": False, "limit_per_minute": 60}


def test_a_service_is_changed_and_leaves_an_event(workspace: Workspace) -> None:
    service = make_service(workspace, "pay")
    changed = editing.update_service(actor=actor(workspace, Role.ADMIN), service_id=service.pk, **SAID)
    assert (changed.name, changed.description, changed.default_priority) == ("Payments", "Money", Priority.P2)
    event = AuditEvent.objects.get(verb="service.update")
    assert (event.before["name"], event.after["name"]) == ("pay", "Payments")


def test_what_a_service_cannot_be_is_refused(workspace: Workspace) -> None:
    admin, service = actor(workspace, Role.ADMIN), make_service(workspace, "pay")
    make_service(workspace, "taken")
    stranger = Team.objects.create(workspace=make_workspace(), name="theirs")
    for wrong, field in (({"name": " "}, "name"), ({"name": "TAKEN"}, "name"), ({"owner": stranger}, "owner")):
        with pytest.raises(InvalidInput) as refusal:
            editing.update_service(actor=admin, service_id=service.pk, **SAID | wrong)
        assert refusal.value.field == field
    with pytest.raises(NotPermitted):
        editing.update_service(actor=actor(workspace, Role.OPERATOR), service_id=service.pk, **SAID)
    hidden = make_service(workspace, is_system=True)
    with pytest.raises(NotFound):
        editing.update_service(actor=admin, service_id=hidden.pk, **SAID)
    assert Service.objects.get(pk=service.pk).name == "pay"


def test_a_source_is_changed_but_for_its_kind(workspace: Workspace) -> None:
    admin, source = actor(workspace, Role.ADMIN), make_source(workspace, name="old")
    changed = editing.update_source(actor=admin, source_id=source.pk, **SENT)
    assert (changed.name, changed.enabled, changed.limit_per_minute, changed.kind) == ("prod", False, 60, source.kind)
    theirs = make_service(make_workspace())
    with pytest.raises(InvalidInput) as refusal:
        editing.update_source(actor=admin, source_id=source.pk, **SENT | {"service": theirs})
    assert refusal.value.field == "service"


def test_the_administration_changes_them_through_the_verbs(workspace: Workspace, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    service, source = make_service(workspace, "pay"), make_source(workspace, name="old")
    answer = client.post(
        f"/admin/incidents/service/{service.pk}/change/",
        {"name": "Payments", "description": "", "owner": "", "default_priority": "2"},
    )
    assert answer.status_code == 302
    answer = client.post(
        f"/admin/incidents/source/{source.pk}/change/", {"name": "new", "service": service.pk, "limit_per_minute": "60"}
    )
    assert answer.status_code == 302
    assert Service.objects.get(pk=service.pk).name == "Payments"
    kept = Source.objects.get(pk=source.pk)
    assert (kept.name, kept.service, kept.enabled, kept.limit_per_minute) == ("new", service, False, 60)
    verbs = AuditEvent.objects.filter(verb__in=("service.update", "source.update")).values_list("verb", flat=True)
    assert sorted(verbs) == ["service.update", "source.update"]
