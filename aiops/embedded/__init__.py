"""The runtime of one machine: a supervisor of ``web``, workers and ``beat`` over a private PostgreSQL and Valkey."""

from __future__ import annotations
