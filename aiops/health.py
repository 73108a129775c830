"""Health endpoints in the shape of each dialect, and the metrics. Open to all callers, and quick also while PostgreSQL
is away.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from aiops import gauges, probes, process
from aiops.api.paths import path_pair
from aiops.kernel.clock import rfc3339, utcnow

UNAVAILABLE = 503


def _overall() -> str:
    """``down`` when we can't work, ``degraded`` when we can do without what is missing, else ``ok``."""
    if process.stopping.is_set() or not probes.database().ok:
        return "down"
    return "degraded" if any(_causes().values()) else "ok"


def _causes() -> dict[str, str]:
    """What each check found wrong, in words; "" when all is well."""
    away = probes.database().cause
    paging = probes.paging()
    return {
        "database": away,
        "connections": away or probes.connections().cause,  # one that hangs would be asked without an end
        "paging": paging.stopped or paging.slow,
        "cache": probes.shared_cache().cause,
        "disk": probes.disk(),
    }


def _answer(body: dict[str, object], *, down: bool) -> JsonResponse:
    return JsonResponse(body, status=UNAVAILABLE if down else 200)


@require_safe
@never_cache
def health(request: HttpRequest) -> HttpResponse:
    """Client dialect (contract: ``GET /health``): overall, and what each check found."""
    overall = _overall()
    named = {name: cause or "ok" for name, cause in _causes().items()}
    return _answer({"status": overall, "version": settings.VERSION, "checks": named}, down=overall == "down")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """v1, liveness: this process answers."""
    return JsonResponse({"status": "ok", "timestamp": rfc3339(utcnow(), timespec="seconds")})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """v1, readiness: whether to send requests here; 503 with the cause when not."""
    cause = probes.not_ready()
    status = f"not ready: {cause}" if cause else "ready"
    return _answer({"status": status, "timestamp": rfc3339(utcnow(), timespec="seconds")}, down=bool(cause))


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Dashboard dialect, liveness; *uptime* in seconds."""
    return JsonResponse({"status": "ok", "uptime": round(process.uptime(), 3)})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Dashboard dialect, readiness: a missing cache only degrades, like in ``/readyz``."""
    overall = _overall()
    database, cache = probes.database(), probes.shared_cache()
    body: dict[str, object] = {
        "status": overall,
        "uptime": round(process.uptime(), 3),
        "timestamp": rfc3339(utcnow(), timespec="milliseconds"),
        "checks": {
            "postgresql": {"status": "ok" if database.ok else "down", "latencyMs": database.latency},
            "cache": {
                "status": "ok" if cache.ok else "degraded",
                "latencyMs": cache.latency,
                "details": {"provider": "redis" if settings.REDIS_URL else "memory"},
            },
        },
    }
    causes = [cause for cause in _causes().values() if cause]
    if causes:
        body["message"] = "; ".join(causes)
    return _answer(body, down=overall == "down" or bool(probes.not_ready()))


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    return HttpResponse(gauges.exposition(), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [
    *path_pair("health", health, name="health"),
    *path_pair("healthz", healthz),
    *path_pair("readyz", readyz),
    *path_pair("api/health/live", live),
    *path_pair("api/health/ready", ready),
    *path_pair("metrics", metrics),
]
