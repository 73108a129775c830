"""Journeys take place in a world."""

from __future__ import annotations

from tests.receivers import receivers
from tests.world import world

__all__ = ["receivers", "world"]
