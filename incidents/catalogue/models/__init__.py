"""Tables of the catalogue."""

from __future__ import annotations

from incidents.catalogue.models.service import Service
from incidents.catalogue.models.source import Source

__all__ = ["Service", "Source"]
