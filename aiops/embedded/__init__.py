"""One command, nothing else to install: web server, worker and beat in one process over a private PostgreSQL."""

from __future__ import annotations
