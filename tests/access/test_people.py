"""People as actors, and the actor of a request."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from aiops.access.actors import Role
from aiops.access.middleware import RequestActorMiddleware
from aiops.access.models import Membership, User
from aiops.access.people import ANONYMOUS, actor_for_user
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_a_person_has_the_roles_of_the_memberships_in_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    one, two, other = make_workspace(), make_workspace(), make_workspace()
    user = make_user("ana", two, Role.ADMIN, first_name="Ana", last_name="Lopez")
    Membership.objects.create(user=user, workspace=one, role=Role.VIEWER.value)
    with django_assert_num_queries(1):
        actor = actor_for_user(user)
    assert actor.roles == ((one.pk, Role.VIEWER), (two.pk, Role.ADMIN))
    assert (actor.kind, actor.id, actor.label, actor.email) == ("user", str(user.pk), "Ana Lopez", "ana@example.com")
    assert actor.may(Role.OPERATOR, two.pk)
    assert not actor.may(Role.OPERATOR, one.pk)
    assert not actor.may(Role.VIEWER, other.pk)


def test_a_superuser_is_admin_everywhere(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = User.objects.create_superuser("root")
    with django_assert_num_queries(0):
        assert actor_for_user(user).everywhere == Role.ADMIN


def test_nobody_and_the_deactivated_see_nothing_and_may_nothing() -> None:
    workspace = make_workspace()
    for user in (
        AnonymousUser(),
        make_user("ana", workspace, is_active=False),
        User(is_superuser=True, is_active=False),
    ):
        actor = actor_for_user(user)
        assert actor == ANONYMOUS
        assert actor.workspace_ids == ()
        assert not actor.may(Role.VIEWER, workspace.pk)


class TestMiddleware:
    def test_the_actor_is_worked_out_when_asked_for(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        request = RequestFactory().get("/")
        request.user = make_user("ana", make_workspace())
        with django_assert_num_queries(0):
            RequestActorMiddleware(lambda _: HttpResponse())(request)
        with django_assert_num_queries(1):
            assert request.actor.label == "ana"
            assert request.actor == actor_of_same_user(request)

    def test_it_runs_in_an_asynchronous_chain_as_well(self) -> None:
        async def answer(request: HttpRequest) -> HttpResponse:
            return HttpResponse(request.actor.label)

        request = RequestFactory().get("/")
        request.user = AnonymousUser()
        assert async_to_sync(RequestActorMiddleware(answer))(request).content == b"anonymous"


def actor_of_same_user(request: HttpRequest) -> object:
    """The actor again, without asking the database again."""
    return request.actor
