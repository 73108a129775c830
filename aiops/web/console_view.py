"""The console view: a decorator that asks for a sign-in, sets the person's time zone, and renders refusals as pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from aiops.access.forms import GuardedAuthenticationForm
from aiops.kernel.errors import DomainError, NotFound, NotPermitted
from aiops.web import kept_input

TAKEN = "console-taken"  # the cookie with the address of the form that was taken last; drafts.js reads it

View = Callable[..., HttpResponse]


def console_view(view: View) -> View:
    """For signed-in people only; times in their zone; a refusal of the core becomes a page that says so."""

    @never_cache
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return _sign_in(request)
        with timezone.override(ZoneInfo(request.user.time_zone)):
            try:
                response = view(request, *args, **kwargs)
            except DomainError as error:
                response = refusal(request, error)
        if request.method == "POST" and isinstance(response, HttpResponseRedirect) and not is_fragment(request):
            _note_taken(request, response)
        patch_vary_headers(response, ["HX-Request"])
        return response

    return wrapped


def _note_taken(request: HttpRequest, response: HttpResponse) -> None:
    """Tell the scripts of the next page, whichever it is, that this form was taken: its draft is not needed any more."""
    response.set_cookie(
        TAKEN, quote(request.path, safe=""), max_age=600, path="/console", secure=request.is_secure(), samesite="Lax"
    )


def refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page of a refusal: 404, 403, or 400 with what was expected. A fragment gets it as a message."""
    status, title = {NotFound: (404, "Not found"), NotPermitted: (403, "Not allowed")}.get(
        type(error), (400, "That can't be read")
    )
    if is_fragment(request):
        messages.error(request, error.message)
        return render(request, "ui/messages.html", status=status)
    context = {"code": status, "title": title, "text": error.message}
    return render(request, "console/problem.html", context, status=status)


def sentence(error: DomainError) -> str:
    """What it refuses with, as a sentence."""
    return error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."


def is_fragment(request: HttpRequest) -> bool:
    """Whether only what changes on a page is asked for; the page includes the same template."""
    return request.headers.get("HX-Request") == "true"


def own_page(request: HttpRequest, url: str | None) -> str:
    """*url* when it is an address of one of our pages; else nothing. A path has to begin with a slash."""
    ours = url and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if url and ours and urlsplit(url).path.startswith("/") else ""


def way_back(request: HttpRequest, default: str) -> str:
    """Where a form sends the browser afterwards: its ``next``, else the page it was on, else *default*; only our own pages."""
    asked = (request.POST.get("next"), request.headers.get("HX-Current-URL"), request.headers.get("Referer"))
    return next((page for url in asked if (page := own_page(request, url))), default)


def go_back(request: HttpRequest, default: str) -> HttpResponseRedirect:
    """Send the browser there. Never through ``redirect()``, which takes a word for the name of a view."""
    return HttpResponseRedirect(way_back(request, default))


def by_button(leads_to: Callable[..., str]) -> Callable[[View], View]:
    """What a button does: a POST. Whoever comes by a GET (a bookmark, the way back from signing in) is led to its page."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            page = leads_to(*args, **kwargs)
            if request.method in ("GET", "HEAD"):
                return HttpResponseRedirect(page)
            if request.method != "POST":
                return HttpResponseNotAllowed(["GET", "POST"])
            request.page = page  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        return wrapped

    return decorate


def _sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page, and from there to the page where somebody was. What was typed is not lost on the way."""
    page = request.get_full_path()
    if request.method not in ("GET", "HEAD"):
        page = path_of(way_back(request, getattr(request, "page", request.path)))
    elif is_fragment(request):
        page = path_of(way_back(request, page))
    if is_fragment(request):  # the page itself has to go there; its scripts keep what was typed
        address = f"{settings.LOGIN_URL}?{urlencode({'next': page, 'ended': 'yes'})}"
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    if typed := kept_input.typed(request.POST):
        return sign_in_page(request, page, typed)
    return redirect_to_login(page)


def sign_in_page(request: HttpRequest, page: str, typed: str) -> HttpResponse:
    """The sign-in form at once, with what was typed in it: a redirect could not carry that."""
    context = {"form": GuardedAuthenticationForm(request), "next": page, "kept": typed, "ended": True}
    return render(request, "console/login.html", context, status=401)


def path_of(url: str) -> str:
    """An address of ours without its host."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
