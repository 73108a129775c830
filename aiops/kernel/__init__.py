"""The kernel: clock, errors, ids, events, live updates, logs and metrics. Every app may use it; it knows no app and has
no models.
"""

from __future__ import annotations
