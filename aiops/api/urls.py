"""The OpenAPI schema (JSON first, YAML on request) and its page; both are served from our own files."""

from __future__ import annotations

from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from aiops.api.paths import path_pair


class SchemaView(SpectacularAPIView):
    """What all dialects take and answer, as OpenAPI 3.1."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]
    metadata_class = None


class DocsView(SpectacularSwaggerSplitView):
    """The page. Its script is a file of its own, so that a strict Content-Security-Policy needs no exception."""

    metadata_class = None


urlpatterns = [
    *path_pair("api/schema", SchemaView.as_view(), name="api-schema"),
    *path_pair("api/docs", DocsView.as_view(url_name="api-schema"), name="api-docs"),
]
