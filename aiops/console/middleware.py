"""Middleware that sets the security headers: content security policy, frame and content type options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from aiops.console.views import method_not_allowed
from aiops.kernel import headers
from aiops.kernel.text import seen

NOT_ALLOWED = 405
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


class SecurityHeadersMiddleware:
    """Sets what an answer did not set itself: a policy by its kind, and ``no-store`` where nothing says how long to keep it."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        if self.is_async:
            return self._answer_later(request)
        return _guarded(self.get_response(request))  # type: ignore[arg-type]

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        return _guarded(await self.get_response(request))  # type: ignore[misc]


def _guarded(response: HttpResponseBase) -> HttpResponseBase:
    kind = response.headers.get("Content-Type", "")
    for name, value in headers.common().items():
        response.headers.setdefault(name, value)
    policy = POLICY if kind.startswith(("text/html", "image/svg")) else headers.NOTHING
    response.headers.setdefault("Content-Security-Policy", policy)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    if "json" in kind:
        patch_vary_headers(response, headers.CREDENTIALS.split(", "))
    return response


@sync_and_async_middleware
def our_look(get_response: Callable[[HttpRequest], Answer]) -> Callable[[HttpRequest], Answer]:
    """What every page has: texts that can be seen, and our look where it can't be asked in some way (Django's is blank)."""

    def shown(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code != NOT_ALLOWED or not request.path.startswith("/console"):
            return _readable(response)
        page = method_not_allowed(request)
        page.headers["Allow"] = response.headers.get("Allow", "")
        return page

    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponseBase:
            return shown(request, await get_response(request))

        return later
    return lambda request: shown(request, get_response(request))  # type: ignore[arg-type]


def _readable(response: HttpResponseBase) -> HttpResponseBase:
    """A page without what turns our own words round or can't be seen, whoever wrote it and into whichever field."""
    if (
        isinstance(response, HttpResponse)
        and response.headers.get("Content-Type", "").startswith("text/html")
        and not response.content.isascii()
    ):
        response.content = seen(response.content.decode(response.charset)).encode(response.charset)
    return response
