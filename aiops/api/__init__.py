"""What every dialect shares, and each dialect's own envelope: one base view per dialect. It knows nothing of incidents."""

from __future__ import annotations
