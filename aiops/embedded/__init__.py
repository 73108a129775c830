"""One command, nothing else to install: web, workers and beat over a private PostgreSQL and Valkey, under one supervisor."""

from __future__ import annotations
