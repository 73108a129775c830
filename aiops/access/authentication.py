"""Authentication classes for Django REST framework: API key, session or JSON web token becomes an actor.

After authentication ``request.auth`` and ``request.actor`` are the :class:`~aiops.access.actors.Actor`. A view that
lists one of these classes answers no caller without a credential. A refusal is a domain error, which the dialect
renders in its own shape.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from aiops.access import credentials, keyring
from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.access.people import actor_for_user
from aiops.access.services.keys import note_use
from aiops.access.services.workspaces import choose_workspace, narrowed
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, NotAuthenticated, NotPermitted

Authenticated = tuple[User | AnonymousUser, Actor]


class ActorAuthentication(BaseAuthentication):
    """Base: settles the actor or refuses."""

    def actor(self, request: HttpRequest) -> Authenticated:
        """The signed-in user (anonymous for a key) and the actor; raises a domain error."""
        raise NotImplementedError

    def authenticate(self, request: Request) -> Authenticated:
        """The framework's question."""
        try:
            user, actor = self.actor(request._request)
        except DomainError:
            # Else whoever asks for request.user while the refusal is rendered would be refused once more.
            request.user, request.auth = AnonymousUser(), None
            raise
        request._request.actor = actor  # type: ignore[attr-defined]
        return user, actor


class ApiKeyAuthentication(ActorAuthentication):
    """``X-API-Key``, else ``?api_key=``; open in dev mode.

    ``X-Workspace-Id`` or ``X-Workspace-Name`` limit the actor to one workspace.
    """

    makes_workspaces = False

    def presented(self, request: HttpRequest) -> list[str]:
        """The keys of a request, in the order in which to try them."""
        return [request.headers.get("X-API-Key", "").strip(), request.GET.get("api_key", "").strip()]

    def actor(self, request: HttpRequest) -> Authenticated:
        now = utcnow()
        actor = _identify(self.presented(request), request, now)
        note_use(actor.id, now)
        return AnonymousUser(), self._in_chosen_workspace(actor, request, now)

    def _in_chosen_workspace(self, actor: Actor, request: HttpRequest, now: datetime) -> Actor:
        slug, name = (credentials.text(request.headers.get(f"X-Workspace-{part}", "")) for part in ("Id", "Name"))
        if not slug and not name:
            return actor
        workspace = choose_workspace(actor=actor, slug=slug, name=name, may_create=self.makes_workspaces, now=now)
        return narrowed(actor, workspace.pk)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Api-Key realm="aiops"'


class IngestKeyAuthentication(ApiKeyAuthentication):
    """Also ``Authorization: Bearer``, ``Api-Key`` or basic (the key as password or username), for senders of signals.

    What they send first to an unknown workspace makes it, when the key is for all.
    """

    makes_workspaces = True

    def presented(self, request: HttpRequest) -> list[str]:
        return super().presented(request) + credentials.in_authorization(request.headers.get("Authorization", ""))


class _AnyCaseJWT(JWTAuthentication):
    """``Bearer`` however it is written: schemes have no case (RFC 9110)."""

    def get_header(self, request: Request) -> bytes:
        try:
            scheme, _, token = (super().get_header(request) or b"").partition(b" ")
        except UnicodeError:
            raise NotAuthenticated("The token is invalid or expired.") from None
        return b"Bearer " + token if scheme.lower() == b"bearer" else b""


class SessionOrJWTAuthentication(ActorAuthentication):
    """People: a JWT when one is sent, else the session, with CSRF enforced on writes. Never an API key, also as Bearer."""

    jwt = _AnyCaseJWT()

    def actor(self, request: HttpRequest) -> Authenticated:
        try:
            found = self.jwt.authenticate(cast(Request, request))
        except AuthenticationFailed:
            raise NotAuthenticated("The token is invalid or expired.") from None
        if found is not None:
            user = cast(User, found[0])
            return user, actor_for_user(user)
        if not request.user.is_authenticated:
            raise NotAuthenticated("Unauthorized")
        _enforce_csrf(request)
        return request.user, actor_for_user(request.user)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="aiops"'


def _identify(keys: list[str], request: HttpRequest, now: datetime) -> Actor:
    """The caller by a keyring that is fresh: read again when old, and when it does not know the key (it may be new)."""
    host, origin = request.META.get("HTTP_HOST", ""), request.headers.get("Origin", "")
    keyring.refresh_if_old()
    try:
        return credentials.identify(keys, host=host, origin=origin, now=now)
    except NotAuthenticated:
        if not any(keys):
            raise
        keyring.refresh_after_miss()
        return credentials.identify(keys, host=host, origin=origin, now=now)


def _enforce_csrf(request: HttpRequest) -> None:
    """What the CSRF middleware does for views that are not exempt; raises :class:`NotPermitted` with its reason."""
    check = CSRFCheck(lambda _: HttpResponse())
    check.process_request(request)
    if reason := check.process_view(request, _nothing, (), {}):
        raise NotPermitted(f"CSRF check failed: {reason}")


def _nothing() -> HttpResponse:
    """A view that is not exempt from CSRF."""
    return HttpResponse()
