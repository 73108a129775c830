"""The path of the audit page."""

from __future__ import annotations

from aiops.api.paths import path_pair
from aiops.audit.console.views import page

urlpatterns = path_pair("console/audit", page, name="console-audit")
