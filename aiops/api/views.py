"""The base of every dialect's view: policy set once, errors in one place, nothing is a 500 but a bug of ours."""

from __future__ import annotations

import logging
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

from django.core.signals import got_request_exception
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from aiops.access import limits
from aiops.access.actors import Actor, Role
from aiops.access.services.workspaces import choose_workspace, narrowed
from aiops.api.errors import InternalError, as_domain_error
from aiops.api.params import readable
from aiops.api.payload import read_object
from aiops.api.renderers import AlwaysFirst, JSONRenderer
from aiops.api.schema import DialectSchema
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, NotAuthenticated, NotPermitted, RateLimited

log = logging.getLogger(__name__)

READING = ("GET", "HEAD")


class DialectView(APIView):
    """A dialect sets ``tag``, ``authentication_classes``, ``limited`` and :meth:`refusal`; its views parse, call and render.

    Before a handler runs, ``self.now`` and ``self.actor`` are set: who asks, narrowed to the workspace that ``X-Workspace-Id`` or
    ``X-Workspace-Name`` chooses, a viewer turned away from writes, and (``limited``) counted.
    """

    tag: ClassVar[str]
    limited: ClassVar[bool] = False

    schema = DialectSchema()
    renderer_classes = (JSONRenderer,)
    parser_classes = ()  # bodies are read by payload.read_object, whatever their content type says
    content_negotiation_class = AlwaysFirst
    permission_classes = ()  # who may see is the querysets' business, who may do the services'
    throttle_classes = ()
    metadata_class = None
    http_method_names: ClassVar[list[str]] = ["get", "post", "patch", "put", "delete", "head"]

    now: datetime
    actor: Actor
    allowance: limits.Allowance | None = None

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        """HTTP status and body of a refusal: the one place where this dialect's error envelope is made."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now = utcnow()
        try:
            actor = self._identified(request)
        except NotAuthenticated:
            # Guessing keys is limited too, by address, and every answer says so.
            self._count(f"address:{request.META.get('REMOTE_ADDR', '')}", Role.VIEWER)
            raise
        self._count(actor.id, actor.highest_role)
        if request.method not in READING and actor.highest_role < Role.OPERATOR:
            raise NotPermitted("This takes the role operator or admin", details=f"The caller is {actor.highest_role.word}")
        self.actor = self._in_workspace(request, actor)

    def body(self, serializer: type[Serializer]) -> dict[str, Any]:
        """The request's body, as *serializer* reads it: keyword arguments for a service."""
        reader = serializer(data=read_object(self.request.body))
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)

    @property
    def params(self) -> Any:
        """The query parameters; raises ``InvalidInput`` when the database can't take one."""
        return readable(self.request.query_params)

    def handle_exception(self, exc: Exception) -> Response:
        error = as_domain_error(exc) or self._crashed(exc)
        status, body = self.refusal(error)
        headers = {}
        if "retry_after" in error.data:
            headers["Retry-After"] = str(error.data["retry_after"])
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = self.get_authenticate_header(self.request) or "ApiKey"
        return Response(body, status, headers=headers)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.allowance is not None:
            for name, value in self.allowance.headers().items():
                response[name] = value
        return response

    def _identified(self, request: Request) -> Actor:
        """Who asks; raises ``NotAuthenticated``, also when the framework says it in its own words."""
        try:
            self.perform_authentication(request)
        except Exception as exc:
            error = as_domain_error(exc)
            if error is None or error is exc:
                raise
            raise error from exc
        actor: Actor = request.actor
        if not actor.id:
            raise NotAuthenticated("Unauthorized")
        return actor

    def _count(self, key_id: str, role: Role) -> None:
        """One more request of *key_id*; raises ``RateLimited`` when that is one too many."""
        if not self.limited:
            return
        self.allowance = limits.check(key_id, role, self.now)
        if not self.allowance.allowed:
            wait = self.allowance.retry_after
            raise RateLimited(
                "Rate limit exceeded",
                details=f"{self.allowance.limit} requests a minute; try again in {wait} s",
                data={"retry_after": wait},
            )

    def _in_workspace(self, request: Request, actor: Actor) -> Actor:
        slug, name = (request.headers.get(f"X-Workspace-{part}", "").strip() for part in ("Id", "Name"))
        if not slug and not name:
            return actor
        return narrowed(actor, choose_workspace(actor=actor, now=self.now, slug=slug, name=name).pk)

    def _crashed(self, exc: Exception) -> DomainError:
        """A bug: logged with its traceback and told to whoever watches for such (Django's test client raises it)."""
        log.error("unhandled error in %s %s", self.request.method, self.request.path, exc_info=exc)
        got_request_exception.send(sender=type(self), request=self.request._request)
        return InternalError("Internal server error")
