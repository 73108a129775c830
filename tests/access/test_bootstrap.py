"""The first start and all later ones."""

from __future__ import annotations

import logging
import threading

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from aiops.access.actors import Role
from aiops.access.models import Membership, User, Workspace
from incidents.catalogue.services import directory
from incidents.catalogue.services.bootstrap import Installation, ensure_installation
from incidents.catalogue.services.catalogue import ensure_workspace_defaults
from incidents.choices import SourceKind
from incidents.models import Service, Source
from tests.factories import NOW, make_service, make_source, make_workspace, minutes

pytestmark = pytest.mark.django_db


def test_the_first_start_makes_a_place_to_work_in() -> None:
    installation = ensure_installation(now=NOW)
    workspace = Workspace.objects.get()
    assert (workspace.slug, workspace.name) == ("ws-primary", "Primary Workspace")
    assert installation.created
    assert installation.workspace_name == "Primary Workspace"
    assert {s.kind for s in Source.objects.filter(workspace=workspace, is_default=True)} == set(SourceKind)
    directory.refresh()
    service = directory.current().service_by_routing_key(installation.routing_key)
    assert service is not None
    assert service.pk == Service.objects.get(workspace=workspace, is_default=True).pk


def test_the_admin_gets_the_given_password_or_a_fresh_one_that_is_told_once(settings: Settings) -> None:
    generated = ensure_installation(now=NOW).admin_password
    admin = User.objects.get(username="admin")
    assert len(generated) >= 16
    assert admin.check_password(generated)
    assert admin.is_staff
    assert admin.is_superuser
    assert Membership.objects.get(user=admin).role == Role.ADMIN.value
    assert ensure_installation(now=NOW).admin_password == ""
    User.objects.all().delete()
    settings.AIOPS_ADMIN_PASSWORD = "correct horse battery"
    assert ensure_installation(now=NOW).admin_password == ""
    assert User.objects.get().check_password("correct horse battery")


def test_a_second_start_changes_nothing(
    settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    first = ensure_installation(now=NOW)
    before = [list(model.objects.order_by("pk").values()) for model in (Workspace, User, Service, Source, Membership)]
    settings.AIOPS_ADMIN_PASSWORD = "another one"
    with django_assert_max_num_queries(12):
        second = ensure_installation(now=NOW + minutes(5))
    after = [list(model.objects.order_by("pk").values()) for model in (Workspace, User, Service, Source, Membership)]
    assert after == before
    assert second == Installation(first.workspace_name, first.routing_key, "", created=False)


def test_what_people_changed_stays_changed() -> None:
    ensure_installation(now=NOW)
    Workspace.objects.update(name="Operations")
    User.objects.create_superuser("root")
    User.objects.filter(username="admin").delete()
    Service.objects.update(name="Everything else")
    installation = ensure_installation(now=NOW)
    assert installation.workspace_name == "Operations"
    assert not User.objects.filter(username="admin").exists()
    assert Service.objects.get().name == "Everything else"


def test_what_got_lost_comes_back() -> None:
    ensure_installation(now=NOW)
    Source.objects.filter(kind=SourceKind.EVENTS).delete()
    Service.objects.all().delete()
    ensure_installation(now=NOW)
    assert Source.objects.filter(is_default=True).count() == len(SourceKind)
    assert Service.objects.get().is_default


def test_names_that_are_taken_stop_nothing() -> None:
    make_workspace("primary workspace", "ws-other")
    workspace = make_workspace()
    make_service(workspace, "default SERVICE")
    make_source(workspace, SourceKind.WEBHOOK, SourceKind.WEBHOOK.label)
    ensure_installation(now=NOW)
    assert ensure_workspace_defaults(workspace).name == "default SERVICE"
    assert Source.objects.get(workspace=workspace, kind="webhook", is_default=True).name == "Generic webhook (default)"
    assert Workspace.objects.count() == 3


def test_neither_key_nor_password_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    installation = ensure_installation(now=NOW)
    text = repr(installation) + caplog.text
    assert installation.routing_key not in text
    assert installation.admin_password not in text


@pytest.mark.django_db(transaction=True)
def test_several_processes_may_start_at_once() -> None:
    barrier, installations = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        try:
            installations.append(ensure_installation(now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(i.created for i in installations) == [False, False, False, True]
    assert len([i for i in installations if i.admin_password]) == 1
    assert len({i.routing_key for i in installations}) == 1
    assert (Workspace.objects.count(), Service.objects.count(), Source.objects.count()) == (1, 1, len(SourceKind))
