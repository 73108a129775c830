"""All URL patterns. Literal paths stand before parameters; the ASGI entry answers the front door's before Django sees
them.
"""

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
    path("", include("incidents.response.api.v1.urls")),
    path("", include("aiops.audit.api.urls")),
    path("", include("aiops.audit.console.urls")),
    path("", include("incidents.response.api.dashboard.urls")),
    path("", include("incidents.response.api.client.urls")),
    path("", include("aiops.console.urls")),
    path("", include("incidents.response.console.urls")),
    path("", include("notifications.replies.hooks.urls")),
    path("", include("notifications.escalation.api.v1.urls")),
    path("", include("notifications.replies.api.client.urls")),
    path("", include("notifications.escalation.api.client.urls")),
    path("", include("notifications.escalation.api.client.oncall_urls")),
    path("", include("notifications.oncall.console.urls")),
    path("", include("notifications.urls")),
    path("", include("incidents.response.api.fallbacks")),  # the dialects' own 404s: last
]

handler400 = "aiops.console.views.bad_request"
handler403 = "aiops.console.views.forbidden"
handler404 = "aiops.console.views.not_found"
handler500 = "aiops.console.views.server_error"
