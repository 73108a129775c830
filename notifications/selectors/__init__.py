"""Shaped reads of paging; none writes."""

from __future__ import annotations
