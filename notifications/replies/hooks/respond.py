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
from incidents.core.models import Incident
from incidents.response.services.incidents import MAX_NOTE
from notifications.delivery import links
from notifications.delivery.verbs import Verb
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
EFFECT = {
    Verb.ACKNOWLEDGE: "You take it: nobody else is called.",
    Verb.RESOLVE: "It is over: everybody who was told hears that they can stand down.",
    Verb.ESCALATE: "More people are needed: the next ones are called at once.",
    Verb.SNOOZE: "Nobody is called about it for a while; then the escalation goes on.",
    Verb.NOTE: "What you write stands in the timeline for everybody.",
}
SNOOZES = (("30m", "30 minutes"), ("1h", "1 hour"), ("4h", "4 hours"), ("8h", "8 hours"))
ARGUMENTS = {Verb.RESOLVE: "What was it?", Verb.ESCALATE: "Why?", Verb.NOTE: "Note"}


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
    incident, verb = opened.incident, opened.link.verb
    page: dict[str, Any] = {"incident": incident, "title": f"{verb.label}: {incident.name}"}
    if opened.user is None:
        return page | {"text": "This link went to a shared place. Sign in to answer, so that it is known who did."}
    return page | {
        "possible": _possible(incident, verb),
        "verb": verb,
        "who": opened.user.display_name,
        "effect": EFFECT[verb],
        "asks": ARGUMENTS.get(verb, ""),
        "needed": verb == Verb.NOTE,
        "longest": MAX_NOTE,
        "snoozes": SNOOZES if verb == Verb.SNOOZE else (),
    }


def _possible(incident: Incident, verb: Verb) -> bool:
    """Whether the verb would do anything now."""
    if verb == Verb.ACKNOWLEDGE:
        return incident.status == "open"
    return verb == Verb.NOTE or incident.is_live


def _argument(request: HttpRequest) -> str:
    """What was filled in, without what PostgreSQL can't keep."""
    return request.POST.get("argument", "").replace("\0", "").encode("utf-8", "replace").decode()
