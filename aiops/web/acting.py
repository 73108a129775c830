"""Console buttons: what every button does around its one service call (check, call, message, way back)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from aiops.kernel.errors import Conflict, DomainError, InvalidInput
from aiops.web import kept_input
from aiops.web.console_view import by_button, console_view, go_back, way_back

View = Callable[..., HttpResponse]


def button(home: str, *, for_good: bool = False) -> Callable[[View], View]:
    """A POST. A refusal is told on the page from which it came, else on the page named *home*.

    What takes something away *for_good* asks first, unless the browser has asked already (``static/js/paging.js``).
    """

    def decorate(view: View) -> View:
        @by_button(lambda **_: reverse(home))
        @console_view
        @wraps(view)
        def wrapped(request: HttpRequest, **names: Any) -> HttpResponse:
            if for_good and request.POST.get("sure") != "yes":
                return render(request, "notifications/sure.html", {"back": way_back(request, reverse(home))})
            try:
                return view(request, **names)
            except DomainError as error:
                report_refusal(request, error)
                kept_input.put(request.session, kept_input.typed(request.POST))
            return go_back(request, reverse(home))

        return wrapped

    return decorate


def report_refusal(request: HttpRequest, error: DomainError) -> None:
    """Say why it was refused."""
    said = " ".join(filter(None, [sentence(error), error.details]))
    (messages.warning if isinstance(error, Conflict) else messages.error)(request, said)


def sentence(error: DomainError) -> str:
    """The refusal as a sentence, without the field's path: that is what the page shows it beside."""
    said = error.complaint
    said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."


def refuse(form: forms.Form, error: InvalidInput, **beside: str) -> None:
    """Show a service's refusal beside the field that it names, else on top of the form. *beside*: what the form calls it."""
    name = str(error.location[0]) if error.location else ""
    name = beside.get(name, name)
    form.add_error(name if name in form.fields else None, sentence(error))
