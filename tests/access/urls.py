"""What the tests of access and admin need of a site: the admin, the sign-in, and views as a dialect would have them."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aiops.access.actors import Actor
from aiops.access.authentication import (
    ApiKeyAuthentication,
    IngestKeyAuthentication,
    SessionOrJWTAuthentication,
)
from aiops.kernel.errors import DomainError

STATUS = {
    "invalid_input": 400,
    "not_authenticated": 401,
    "not_permitted": 403,
    "not_found": 404,
}


class WhoAmI(APIView):
    """Tells the caller who it is taken for."""

    def get(self, request: Request) -> Response:
        actor: Actor = request.actor
        return Response(
            {
                "kind": actor.kind,
                "id": actor.id,
                "label": actor.label,
                "roles": {str(workspace): role.word for workspace, role in actor.roles},
                "everywhere": actor.everywhere.word if actor.everywhere else None,
                "same": request.auth == actor,
            }
        )

    post = patch = get

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DomainError):
            # Asking for the user once more, as error pages do, must not be refused once more.
            assert self.request.user is not None
            return Response({"error": exc.message}, status=STATUS[exc.code])
        return super().handle_exception(exc)


def _view(*classes: type[BaseAuthentication]) -> object:
    return WhoAmI.as_view(authentication_classes=classes)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("aiops.access.urls")),
    path("", include("aiops.audit.console.urls")),
    path("keyed", _view(ApiKeyAuthentication)),
    path("ingest", _view(IngestKeyAuthentication)),
    path("dashboard", _view(SessionOrJWTAuthentication)),
]
