"""Heads that no page can be made for: they are refused in a line, before Django falls over them in its own error page."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.test import AsyncClient, Client

from aiops.edge import Edge
from incidents.front.requests import parse_query

pytestmark = pytest.mark.django_db

MANY = "&".join(["a"] * 30_000)


@pytest.mark.parametrize("path", ["/console/login", "/incidents", "/api/v1/incidents", "/admin/", "/nowhere"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_an_address_with_too_many_parameters_is_a_bad_request(path: str, accept: str) -> None:
    response = Client(raise_request_exception=False).get(f"{path}?{MANY}", headers={"accept": accept})
    assert response.status_code == 400
    assert "too many parameters" in response.content.decode()


@pytest.mark.django_db(transaction=True)
async def test_an_address_with_too_many_parameters_is_a_bad_request_on_the_real_server_too() -> None:
    response = await AsyncClient(raise_request_exception=False).get(f"/console/login?{MANY}")
    assert response.status_code == 400


def test_a_signal_is_not_lost_over_the_parameters_of_its_address() -> None:
    read = parse_query(b"api_key=k&source=s&" + b"&".join(b"p%d=1" % n for n in range(5000)))
    assert (read["api_key"], read["source"], len(read)) == ("k", "s", 100)


async def answered(app: Any, content_type: bytes) -> tuple[int, dict[bytes, bytes]]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/console/login", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", content_type)],
    }  # fmt: skip
    await Edge(app)(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("value", [b"a/b; x*=bogus'en'%ff", b"a/b; q=1; X*=../etc'en'%ff", b"a/b; x*=undefined'en'%ff"])
async def test_a_content_type_in_an_encoding_that_nobody_knows_is_refused(value: bytes) -> None:
    status, headers = await answered(get_asgi_application(), value)
    assert status == 400
    assert b"content-security-policy" in headers


async def test_what_goes_wrong_unforeseen_is_answered_with_the_headers_of_every_answer() -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("unforeseen")

    status, headers = await answered(breaks, b"text/plain")
    assert (status, headers[b"cache-control"], headers[b"x-frame-options"]) == (500, b"no-store", b"DENY")
