"""The error envelope of each dialect, and the dialect of each path. It also serves refusals that come before any view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Envelope = Callable[[int, str], dict[str, Any]]

API_VERSION = "v1"


def client(status: int, message: str) -> dict[str, Any]:
    """The client API, and whatever has no dialect of its own."""
    return {"detail": message}


def dashboard(status: int, message: str) -> dict[str, Any]:
    """The dashboard, and its sign-in."""
    return {"error": message}


def v1(status: int, message: str, details: str = "") -> dict[str, Any]:
    """v1."""
    error = {"code": status, "message": message, "details": details}
    return {"apiVersion": API_VERSION, "kind": "Error", "error": error}


def events(status: int, message: str, issues: Sequence[str] = ()) -> dict[str, Any]:
    """The events API."""
    return {"error": message, "meta": {"issues": list(issues)}}


def enqueue(status: int, message: str, errors: Sequence[str] = ()) -> dict[str, Any]:
    """PagerDuty's Events v2. ``errors`` are texts, always: Alertmanager and the client libraries decode nothing else."""
    errors = list(errors) or [message]
    if status == 503:
        return {"status": "throttle exceeded", "message": message, "errors": errors}
    return {"status": "invalid event", "message": "Event object is invalid", "errors": errors}


def alertmanager(status: int, message: str) -> dict[str, Any]:
    """Alertmanager's API."""
    return {"code": status, "message": message}


# The first whose path fits counts.
PATHS: tuple[tuple[str, Envelope], ...] = (
    ("/api/v1", v1),
    ("/api/v2", alertmanager),
    ("/api/alerts", dashboard),
    ("/api/auth", dashboard),
    ("/api/health", dashboard),
    ("/api/events", events),
    ("/api", client),
    ("/v2", enqueue),
    ("/webhook", client),
    ("/in", client),
    ("/incidents", client),
    ("/notifications", client),
    ("/oncall", client),
    ("/hooks", client),
    ("/health", client),
    ("/metrics", client),
    ("/healthz", v1),
    ("/readyz", v1),
)


def envelope_of(path: str) -> Envelope | None:
    """The envelope of the dialect that *path* belongs to; None for a page for people."""
    return next((envelope for start, envelope in PATHS if path == start or path.startswith(f"{start}/")), None)
