"""Every route asks who calls, but for those that are open on purpose, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Workspace
from aiops.access.services.keys import create_key
from aiops.kernel.clock import utcnow

pytestmark = pytest.mark.django_db

OPEN = {
    "": "leads to the console",
    "console/login": "the way in",
    "console/logout": "the way out",
    "console/theme": "a cookie of the browser's own",
    "admin/login/": "the way in",
    "admin/logout/": "the way out",
    "api/schema": "the documentation",
    "api/docs": "the documentation",
    "api/auth/token": "the way in: the password is the credential",
    "api/auth/token/refresh": "the refresh token is the credential",
    "health": "for load balancers and monitoring",
    "healthz": "for load balancers and monitoring",
    "readyz": "for load balancers and monitoring",
    "api/health/live": "for load balancers and monitoring",
    "api/health/ready": "for load balancers and monitoring",
    "metrics": "for Prometheus",
    "manifest.webmanifest": "a file of the installed console",
    "sw.js": "a file of the installed console",
    "webhook": "the front door asks, by the key in the request",
    "in/x": "the front door asks, by the key in the path",
    "api/events": "the front door asks, by the key in the request",
    "v2/enqueue": "the front door asks, by the routing key in the body",
    "api/v2/alerts": "the front door asks, by the key in the request",
}
SECRETS = ("hooks/", "respond/", "oncall/feeds/")  # the path itself is the credential: a wrong one is a 404
SAMPLES = {
    "action": "acknowledge",
    "incident": "inc-0000002a",
    "int": "1",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def routes(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Each route without its trailing slash, with a sample for each parameter; catch-alls are left out."""
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif "^" not in path:
            yield re.sub(r"<(?:(\w+):)?(\w+)>", lambda it: SAMPLES.get(it[2]) or SAMPLES.get(it[1], "x"), path), pattern


ROUTES = dict(routes(get_resolver()))


@pytest.fixture
def closed(workspace: Workspace) -> None:
    """An API key, so that dev mode is off."""
    create_key(actor=SYSTEM, name="monitoring", role=Role.VIEWER, workspace=workspace, now=utcnow())


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_route_answers_a_stranger_but_those_that_are_open_on_purpose(method: str) -> None:
    stranger, answered = Client(), {}
    for path in ROUTES:
        if path.rstrip("/") in {name.rstrip("/") for name in OPEN}:
            continue
        response = getattr(stranger, method)(f"/{path}")
        to_console = response.status_code == 302 and response["Location"].startswith(("/console", "/admin/login"))
        unknown = response.status_code == 404 and path.startswith(SECRETS)
        if not to_console and not unknown and response.status_code not in (401, 403, 405):
            answered[path] = response.status_code
    assert not answered


def test_every_api_view_has_a_credential_or_is_open_on_purpose() -> None:
    views = {path: getattr(pattern.callback, "cls", None) for path, pattern in ROUTES.items()}
    open_views = {
        path.rstrip("/")
        for path, view in views.items()
        if view is not None
        and issubclass(view, APIView)
        and not view.authentication_classes
        and not view.permission_classes
    }
    assert open_views <= OPEN.keys()


def test_what_is_open_is_there() -> None:
    known = {path.rstrip("/") for path in ROUTES}
    assert {path.rstrip("/") for path in OPEN} - known == set()
