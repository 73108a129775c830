"""The console's theme: dark by default, light on request, kept in a cookie that the server reads."""

from __future__ import annotations

from django.http import HttpRequest

COOKIE = "theme"
THEMES = ("dark", "light", "auto")
MAX_AGE = 5 * 365 * 24 * 3600  # seconds


def theme_of(request: HttpRequest) -> str:
    """The theme of a request: ``?theme=`` for once, else the cookie, else dark."""
    for wish in (request.GET.get("theme"), request.COOKIES.get(COOKIE)):
        if wish in THEMES:
            return wish
    return THEMES[0]
