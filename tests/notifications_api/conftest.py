"""Callers of the APIs, as in tests/api."""

from __future__ import annotations

from tests.api.conftest import key, operator

__all__ = ["key", "operator"]
