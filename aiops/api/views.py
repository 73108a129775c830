"""The base view of every dialect: it authenticates, checks the role, counts the request, and turns every error into the
dialect's envelope.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.core.signals import got_request_exception
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from aiops.access import limits
from aiops.access.actors import Actor, Role
from aiops.access.devmode import DEV_ACTOR
from aiops.api.errors import InternalError, as_domain_error
from aiops.api.params import readable
from aiops.api.renderers import JSONRenderer
from aiops.api.schema import DialectSchema
from aiops.kernel import encodings
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, NotFound, NotPermitted, UnsupportedEncoding
from aiops.kernel.payload import read_object

log = logging.getLogger(__name__)

READING = ("GET", "HEAD")


class DialectView(APIView):
    """A dialect sets ``tag``, ``error_serializer``, ``authentication_classes``, ``limited`` and :meth:`refusal`.

    Its views then parse, call and render. Before a handler runs, ``self.now`` and ``self.actor`` are set, a viewer is turned away
    from writes, and (``limited``) the request is counted.
    """

    tag: ClassVar[str]
    limited: ClassVar[bool] = False
    error_serializer: ClassVar[type[Serializer]]
    # For the schema, beyond what it adds by itself: statuses, examples of refusals, parameters of every operation.
    refusals: ClassVar[tuple[HTTPStatus, ...]] = ()
    samples: ClassVar[Sequence[DomainError]] = ()
    parameters: ClassVar[Sequence[OpenApiParameter]] = ()

    schema = DialectSchema()
    renderer_classes = (JSONRenderer,)
    parser_classes = ()  # bodies are read by payload.read_object, whatever their content type says
    permission_classes = ()  # who may see is the querysets' business, who may do the services'
    throttle_classes = ()
    metadata_class = None
    http_method_names = ["get", "post", "patch", "put", "delete", "head"]

    now: datetime
    actor: Actor
    allowance: limits.Allowance | None = None

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        """HTTP status and body of a refusal: the one place where this dialect's error envelope is made."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # In place of the framework's: no negotiation (there is one representation, whatever Accept says) and no versions.
        self.now = utcnow()
        try:
            self.perform_authentication(request)
        except DomainError:
            # Guessing keys is limited too, by address, and every answer says so.
            self._count(f"address:{request.META.get('REMOTE_ADDR', '')}", Role.VIEWER)
            raise
        self.actor = cast(Actor, request.actor)  # type: ignore[attr-defined]
        self._count(self.actor.id, self.actor.highest_role)
        if request.method not in READING and self.actor.highest_role < Role.OPERATOR:
            raise NotPermitted(
                "This takes the role operator or admin", details=f"The caller is {self.actor.highest_role.word}"
            )

    def body(self, serializer: type[Serializer], *, partial: bool = False) -> dict[str, Any]:
        """The request's body, as *serializer* (told ``now``) reads it: keyword arguments for a service. *partial*: what is
        required may be left out."""
        reader = serializer(data=self.fields(), context={"now": self.now}, partial=partial)
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)

    def fields(self) -> dict[str, Any]:
        """The JSON object that the request's body is; raises ``InvalidInput``."""
        return read_object(self.request.body, self.request.headers.get("Content-Encoding", ""))

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
        if isinstance(error, UnsupportedEncoding):
            headers["Accept-Encoding"] = encodings.TAKEN
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = self.get_authenticate_header(self.request) or ""
        return Response(body, status, headers=headers)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.allowance is not None:
            for name, value in self.allowance.headers().items():
                response[name] = value
        return response

    def _count(self, key_id: str, role: Role) -> None:
        """One more request of *key_id*; raises ``RateLimited`` when that is one too many (dev mode only counts)."""
        if not self.limited:
            return
        allowance = limits.check(key_id, role, self.now)
        if allowance.exceeded and key_id == DEV_ACTOR.id:
            return
        self.allowance = allowance
        if allowance.exceeded:
            raise allowance.refusal()

    def _crashed(self, exc: Exception) -> DomainError:
        """A bug: logged with its traceback and told to whoever watches for such (Django's test client raises it)."""
        log.error("unhandled error in %s %s", self.request.method, self.request.path, exc_info=exc)
        got_request_exception.send(sender=type(self), request=self.request._request)
        return InternalError("Internal server error")


class NothingHere:
    """Before a dialect's view: whatever is asked for, there is no such thing, and the dialect says so in its own shape."""

    schema: Any = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise self.nothing(request, **kwargs)

    post = put = patch = delete = get

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # no method is allowed on nothing

    def nothing(self, request: Request, **kwargs: str) -> NotFound:
        """What to say."""
        return NotFound("Not found")
