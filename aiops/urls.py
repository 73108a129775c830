"""All paths. Literals stand before parameters; the front door's come first in the ASGI entry already."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url="/console"), name="root"),
    path("admin/", admin.site.urls),
    path("", include("aiops.health")),
    path("", include("aiops.api.urls")),
    path("", include("aiops.access.urls")),
    path("", include("incidents.front.urls")),
    path("", include("incidents.api.v1.urls")),
    path("", include("incidents.api.dashboard.urls")),
    path("", include("incidents.api.client.urls")),
    path("", include("aiops.console.urls")),
    path("", include("incidents.console.urls")),
    path("", include("notifications.hooks.urls")),
    path("", include("notifications.api.v1.urls")),
    path("", include("notifications.api.client.urls")),
    path("", include("notifications.api.client.oncall_urls")),
    path("", include("notifications.console.oncall.urls")),
    path("", include("notifications.console.urls")),
    path("", include("incidents.api.fallbacks")),  # the dialects' own 404s: last
]

handler400 = "aiops.console.views.bad_request"
handler403 = "aiops.console.views.forbidden"
handler404 = "aiops.console.views.not_found"
handler500 = "aiops.console.views.server_error"
