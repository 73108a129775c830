"""The pages of signed links, ``/respond/<token>``: GET shows the action and the incident's state, POST does the action.

GET changes nothing, since mail scanners follow links. There is no session, cookie or JavaScript: the token is the
credential.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.response.services.incidents import MAX_NOTE
from notifications.delivery import links
from notifications.delivery.verbs import verb_of
from notifications.replies import words
from notifications.replies.services import clicks, responding
from notifications.replies.services.clicks import Opened

HEADERS = {
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
STATUS = {
    "already_done": HTTPStatus.OK,
    "forged_link": HTTPStatus.NOT_FOUND,
    "expired_link": HTTPStatus.GONE,
    "stale_link": HTTPStatus.GONE,
    "used_link": HTTPStatus.CONFLICT,
    "shared_link": HTTPStatus.FORBIDDEN,
    "not_permitted": HTTPStatus.FORBIDDEN,
    "invalid_input": HTTPStatus.BAD_REQUEST,
}


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def respond(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a link."""
    now = utcnow()
    page: dict[str, Any]
    try:
        link = links.read(token)
        if request.method == "POST":
            answered = clicks.use_link(link, _argument(request), now)
            told = responding.summary(link.verb, [answered], now)
            page = {"title": told[0], "text": " ".join(told[1:]), "incident": answered.incident}
            status = HTTPStatus.OK if answered.done else HTTPStatus.CONFLICT
        else:
            page, status = _ask(clicks.open_link(link, now)), HTTPStatus.OK
    except DomainError as refused:
        page = {"title": refused.message, "text": refused.details, **refused.data}
        status = STATUS.get(refused.code, HTTPStatus.CONFLICT)
    if incident := page.get("incident"):
        page["state"] = words.state(incident, now)
    response = render(request, "notifications/respond/page.html", page, status=status)
    for name, value in HEADERS.items():
        response[name] = value
    return response


def _ask(opened: Opened) -> dict[str, Any]:
    """What the page says before anything is done."""
    incident, verb = opened.incident, verb_of(opened.link.verb)
    page: dict[str, Any] = {"incident": incident, "title": f"{verb.label}: {incident.name}"}
    if opened.user is None:
        return page | {"text": "This link went to a shared place. Sign in to answer, so that it is known who did."}
    return page | {
        "possible": verb.is_possible(incident),
        "verb": verb,
        "who": opened.user.display_name,
        "effect": verb.effect,
        "asks": verb.asks,
        "needed": verb.needs_text,
        "longest": MAX_NOTE,
        "choices": verb.choices,
    }


def _argument(request: HttpRequest) -> str:
    """What was filled in, without what PostgreSQL can't keep."""
    return request.POST.get("argument", "").replace("\0", "").encode("utf-8", "replace").decode()
