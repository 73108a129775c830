"""Paths of v1's audit."""

from __future__ import annotations

from aiops.api.paths import path_pair
from aiops.audit.api.views import Audit, AuditExport

urlpatterns = [
    *path_pair("api/v1/audit", Audit.as_view(), "v1-audit"),
    *path_pair("api/v1/audit/export", AuditExport.as_view(), "v1-audit-export"),
]
