"""Middleware that sets ``request.actor`` for Django's own pages: console, admin and dashboard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from aiops.access.people import actor_for_user

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class RequestActorMiddleware:
    """Sets ``request.actor`` from the session's user, worked out when first asked for; anonymous when nobody signed in.

    The API key classes of ``authentication.py`` put their own actor in its place.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        request.actor = SimpleLazyObject(lambda: actor_for_user(request.user))  # type: ignore[attr-defined]
        return self.get_response(request)
