"""Notes for the audit through which door a request came, from which address and with which program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from aiops.audit import facts

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class RequestFactsMiddleware:
    """The address is the client's, not a proxy's, as far as FORWARDED_ALLOW_IPS names the proxy: the server puts it there."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        if self.is_async:
            return self._answer_later(request)
        with facts.during(_facts(request)):
            return self.get_response(request)

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        with facts.during(_facts(request)):
            return await self.get_response(request)  # type: ignore[misc]


def _facts(request: HttpRequest) -> facts.Facts:
    agent = request.META.get("HTTP_USER_AGENT", "")
    return facts.of_request(request.path, request.META.get("REMOTE_ADDR", ""), agent)
