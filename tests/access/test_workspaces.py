"""Making workspaces, by hand and by naming one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

import pytest
from django.db import connection

from aiops.access.actors import SYSTEM, Actor, ActorKind, Role
from aiops.access.events import WorkspaceEvent, WorkspaceFact
from aiops.access.models import Workspace
from aiops.access.services.workspaces import choose_workspace, create_workspace, narrowed
from aiops.kernel import events
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted, Overloaded
from incidents.choices import SourceKind
from incidents.models import Service, Source
from tests.factories import NOW, actor, make_workspace

pytestmark = pytest.mark.django_db


def everywhere(role: Role) -> Actor:
    return Actor(ActorKind.API_KEY, "7", "ci", everywhere=role)


@pytest.mark.parametrize(
    ("name", "slug"), [("Acme", "ws-acme"), ("  Acme Überwachung GmbH ", "ws-acme-uberwachung-gmbh"), ("a/b", "ws-ab")]
)
def test_the_id_follows_from_the_name(name: str, slug: str) -> None:
    assert create_workspace(actor=SYSTEM, name=name, now=NOW).slug == slug


def test_a_name_without_plain_letters_or_with_a_taken_id_gets_something_random() -> None:
    first, second = (create_workspace(actor=SYSTEM, name=name, now=NOW) for name in ("Acme", "Acme!"))
    assert first.slug == "ws-acme"
    assert second.slug.startswith("ws-acme-")
    assert create_workspace(actor=SYSTEM, name="日本", now=NOW).slug.startswith("ws-")


def test_a_new_workspace_can_take_signals_at_once() -> None:
    workspace = create_workspace(actor=SYSTEM, name="Acme", now=NOW)
    assert Service.objects.get(workspace=workspace).is_default
    assert Source.objects.filter(workspace=workspace, is_default=True).count() == len(SourceKind)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "ACME"}, "name"),
        ({"name": "New", "slug": "ws-acme"}, "slug"),
        ({"name": "New", "slug": "-x"}, "X-Workspace-Id"),
        ({"name": "a\nb"}, "X-Workspace-Name"),
        ({"name": "a\0b"}, "X-Workspace-Name"),
    ],
)
def test_bad_input_names_the_field(fields: dict[str, str], field: str) -> None:
    make_workspace("Acme", "ws-acme")
    with pytest.raises(InvalidInput) as refused:
        create_workspace(actor=SYSTEM, now=NOW, **fields)
    assert refused.value.field == field


def test_it_takes_an_operator_of_all_workspaces() -> None:
    workspace = make_workspace()
    for stranger in (actor(workspace, Role.ADMIN), everywhere(Role.VIEWER)):
        with pytest.raises(NotPermitted):
            create_workspace(actor=stranger, name="Acme", now=NOW)
    assert create_workspace(actor=everywhere(Role.OPERATOR), name="Acme", now=NOW).pk


def test_a_workspace_that_cannot_be_set_up_is_not_made() -> None:
    def fail(facts: Sequence[WorkspaceFact], now: datetime) -> None:
        raise ValueError("no room")

    events.subscribe(WorkspaceEvent.CREATED, fail)
    try:
        with pytest.raises(Overloaded):
            create_workspace(actor=SYSTEM, name="Acme", now=NOW)
    finally:
        events.unsubscribe(WorkspaceEvent.CREATED, fail)
    assert not Workspace.objects.exists()


class TestChoosing:
    def test_the_id_counts_when_both_are_given(self) -> None:
        acme = make_workspace("Acme", "ws-acme")
        make_workspace("Other", "ws-other")
        assert choose_workspace(actor=SYSTEM, slug="ws-acme", name="Other", now=NOW) == acme

    def test_an_unknown_one_is_only_made_when_asked_for(self) -> None:
        with pytest.raises(NotFound):
            choose_workspace(actor=SYSTEM, name="Acme", now=NOW)
        made = choose_workspace(actor=SYSTEM, name="Acme", now=NOW, may_create=True)
        assert choose_workspace(actor=SYSTEM, name="ACME", now=NOW, may_create=True) == made

    def test_an_unknown_id_with_a_taken_name_is_refused(self) -> None:
        make_workspace("Acme", "ws-acme")
        with pytest.raises(InvalidInput):
            choose_workspace(actor=SYSTEM, slug="ws-new", name="Acme", now=NOW, may_create=True)

    def test_to_a_key_of_one_workspace_others_are_as_good_as_unknown(self) -> None:
        own, other = make_workspace(), make_workspace("Other")
        messages = set()
        for name in ("Other", "Nonsense"):
            with pytest.raises(NotPermitted) as refused:
                choose_workspace(actor=actor(own, Role.ADMIN), name=name, now=NOW, may_create=True)
            messages.add(refused.value.message.replace(name, "…"))
        assert len(messages) == 1
        assert other.pk

    def test_narrowing_keeps_the_role_and_takes_the_rest(self) -> None:
        one, two = make_workspace(), make_workspace()
        limited = narrowed(everywhere(Role.OPERATOR), one.pk)
        assert limited.workspace_ids == (one.pk,)
        assert limited.may(Role.OPERATOR, one.pk)
        assert not limited.may(Role.VIEWER, two.pk)
        assert narrowed(actor(one), two.pk).workspace_ids == ()

    @pytest.mark.django_db(transaction=True)
    def test_many_first_requests_at_once_make_one(self) -> None:
        barrier, chosen = threading.Barrier(4), []

        def first_request() -> None:
            barrier.wait()
            try:
                chosen.append(choose_workspace(actor=SYSTEM, slug="ws-acme", name="Acme", now=NOW, may_create=True).pk)
            finally:
                connection.close()

        threads = [threading.Thread(target=first_request) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert chosen == [Workspace.objects.get().pk] * 4
        assert Service.objects.count() == 1
