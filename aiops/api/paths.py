"""URL patterns of the APIs: every path with and without a trailing slash, and the converter of incident references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path


def path_pair(route: str, view: Callable[..., Any], name: str | None = None) -> list[URLPattern]:
    """*route* (written without a trailing slash) and its twin with one, both answered by *view*; *name* is the first's."""
    return [path(route, view, name=name), path(f"{route}/", view)]
