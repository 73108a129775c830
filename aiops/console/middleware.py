"""Headers that keep pages to what is ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Answer = HttpResponseBase | Awaitable[HttpResponseBase]

# Scripts, styles, fonts and sockets from here and nowhere else; nothing inline, so that markup in an alert can't run.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class ContentSecurityPolicyMiddleware:
    """Sets the policy on every HTML page that did not bring its own (the API docs do)."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        if self.is_async:
            return self._answer_later(request)
        return _with_policy(request, self.get_response(request))  # type: ignore[arg-type]

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        return _with_policy(request, await self.get_response(request))  # type: ignore[misc]


def _with_policy(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.headers.get("Content-Type", "").startswith("text/html") and not request.path.startswith("/api/"):
        response.headers.setdefault("Content-Security-Policy", POLICY)
    return response
