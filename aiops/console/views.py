"""Views of the console's own pages: sign-in, sign-out, theme, overview, and the error pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.forms import GuardedAuthenticationForm
from aiops.api.envelopes import client, envelope_of
from aiops.console.overview import overview_context
from aiops.console.theme import COOKIE, MAX_AGE, THEMES
from aiops.kernel.clock import utcnow
from aiops.web import kept_input
from aiops.web.console_view import by_button, console_view, go_back, is_fragment, own_page
from aiops.web.requests import ActorRequest

HOME = "console-overview"


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Sign in with username and password; ten tries in five minutes."""
    next_page = own_page(request, request.POST.get("next") or request.GET.get("next"))
    form, status = GuardedAuthenticationForm(request), 200
    if request.method == "POST":
        form = GuardedAuthenticationForm(request, data=request.POST)
        if form.is_valid():
            start_session(request, form.get_user())
            kept_input.put(request.session, request.POST.get("kept", ""))
            return HttpResponseRedirect(next_page or reverse(HOME))
        status = 429 if form.has_error(NON_FIELD_ERRORS, "rate_limited") else 422
    elif request.user.is_authenticated:
        return HttpResponseRedirect(next_page or reverse(HOME))
    asked = request.POST if request.method == "POST" else request.GET
    context = {"form": form, "next": next_page, "kept": request.POST.get("kept", ""), "ended": "ended" in asked}
    return render(request, "console/login.html", context, status=status)


@by_button(lambda: reverse("console-login"))
def logout(request: HttpRequest) -> HttpResponse:
    """End the session."""
    end_session(request)
    return redirect("console-login")


@by_button(lambda: reverse(HOME))
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie."""
    response = go_back(request, "/console")
    if (wish := request.POST.get("theme")) in THEMES:
        response.set_cookie(COOKIE, wish, max_age=MAX_AGE, samesite="Lax", secure=request.is_secure())
    return response


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """What is open, by severity and service, and what needs someone now."""
    actor, now = request.actor, utcnow()
    template = "console/_overview.html" if is_fragment(request) else "console/overview.html"
    return render(request, template, {**overview_context(actor, now), "section": "overview"})


@require_safe
@console_view
def proof(request: HttpRequest) -> HttpResponse:
    """When a page was last proven to get through, as the top bar says it."""
    return render(request, "console/_proof.html")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400 in the same look."""
    return _problem(request, 400, "That can't be read", "The request was not understood.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 in the same look."""
    return _problem(request, 403, "Not allowed", "Your role does not reach here.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came from a page that was open for too long, or from elsewhere."""
    typed = kept_input.words(kept_input.typed(request.POST))
    text = "The page was open for too long. Go back, reload it and send it again."
    return _problem(request, 403, "Please try again", text, kept=typed)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 in the same look."""
    return _problem(request, 404, "Not found", "There is no such page, or it is none of yours.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500 in the same look; it needs no database."""
    return _problem(request, 500, "That went wrong", "It is in the log. What was saved before is safe.")


def method_not_allowed(request: HttpRequest) -> HttpResponse:
    """405 in the same look: what a page can't be asked."""
    return _problem(request, 405, "That does not work here", "The page can't be asked in this way.")


def _problem(request: HttpRequest, code: int, title: str, text: str, **more: Any) -> HttpResponse:
    """A page; programs get the envelope of the dialect that the path belongs to."""
    envelope = envelope_of(request.path)
    if envelope is not None or _is_program(request):
        return JsonResponse((envelope or client)(code, title), status=code)
    return render(request, "console/problem.html", {"code": code, "title": title, "text": text, **more}, status=code)


def _is_program(request: HttpRequest) -> bool:
    """Whether JSON is sent or asked for, and no page."""
    accepted = request.headers.get("Accept", "").lower()
    return ("json" in accepted and "html" not in accepted) or "json" in request.headers.get("Content-Type", "").lower()
