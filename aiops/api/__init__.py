"""What every dialect shares, and each dialect's own envelope: one base view per dialect. Nothing here knows what an incident is."""

from __future__ import annotations
