"""Middleware before any view: refuses foreign hosts, and reads several slashes in a path as one."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import BadRequest, DisallowedHost, TooManyFieldsSent
from django.db import DataError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from aiops.access import keyring
from aiops.access.devmode import FOREIGN, dev_mode
from aiops.api.envelopes import envelope_of

log = logging.getLogger(__name__)

Answer = HttpResponseBase | Awaitable[HttpResponseBase]

SLASHES = re.compile(r"//+")
HOST = re.compile(r"[A-Za-z0-9_.-]+(?::\d+)?|\[[0-9a-fA-F:.]+\](?::\d+)?")
TOO_MANY = "The address has too many parameters."
WRONG_HOST = "The Host of this request is none of ours; AIOPS_ALLOWED_HOSTS names those that are."


def one_slash(path: str) -> str:
    """*path* with one slash wherever several stand: senders join a base address and a path without looking."""
    return SLASHES.sub("/", path) if "//" in path else path


class PlainRequestMiddleware:
    """Refuses a foreign ``Host`` and an address with too many parameters in one line, and reads doubled slashes as one."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self._is_async = True
        else:
            self._is_async = False

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """A filter that the database can't take (a broken pattern in an admin's address, say) is a bad request."""
        if isinstance(exception, DataError) and request.method in ("GET", "HEAD"):
            raise BadRequest(str(exception)) from None
        return None

    def __call__(self, request: HttpRequest) -> Answer:
        if "//" in request.path_info:
            request.path_info = one_slash(request.path_info)
            request.path = one_slash(request.path)
        try:
            request.get_host()
        except DisallowedHost:
            if self._is_async:
                return _later(_foreign(request))
            keyring.refresh_if_old()  # an asynchronous server keeps it fresh
            return _foreign(request)
        try:
            request.GET  # noqa: B018 - every page reads it, the one about what went wrong too
        except TooManyFieldsSent:
            refusal = _refusal(request, 400, TOO_MANY)
            return _later(refusal) if self._is_async else refusal
        return self.get_response(request)


def _foreign(request: HttpRequest) -> HttpResponseBase:
    """The refusal of a host that is none of ours."""
    host = request.META.get("HTTP_HOST", "")
    log.warning("refused a request for the host %.100r", host)
    status, message = (403, FOREIGN) if dev_mode() and HOST.fullmatch(host) else (400, WRONG_HOST)
    return _refusal(request, status, message)


def _refusal(request: HttpRequest, status: int, message: str) -> HttpResponseBase:
    """In the dialect of the path, or as plain text: nothing that could fail in turn."""
    if (envelope := envelope_of(request.path)) is not None:
        return JsonResponse(envelope(status, message), status=status)
    if "html" in request.headers.get("Accept", ""):
        return HttpResponse(message, content_type="text/plain", status=status)
    return JsonResponse({"detail": message, "error": message}, status=status)


async def _later(response: HttpResponseBase) -> HttpResponseBase:
    return response
