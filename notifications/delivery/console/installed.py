"""The installable console: its manifest, and the service worker that shows pushes while no page is open. Nothing
secret.
"""

from __future__ import annotations

from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

SCRIPT = "js/service-worker.js"
NIGHT = "#0c0f14"  # the ground of the dark theme (static/css/tokens.css)


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """How the installed console is called and looks."""
    icons = [
        {"src": static(f"img/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
        for size in (192, 512)
    ]
    return JsonResponse(
        {
            "id": "/console",
            "name": "aiops",
            "short_name": "aiops",
            "description": "Incidents, and who is told of them.",
            "start_url": reverse("console-overview"),
            "scope": "/",
            "display": "standalone",
            "background_color": NIGHT,
            "theme_color": NIGHT,
            "icons": icons,
        },
        content_type="application/manifest+json",
    )


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker. It stands at the root, since it reaches no further than its own path."""
    found = finders.find(SCRIPT)
    assert isinstance(found, str)
    response = HttpResponse(Path(found).read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
