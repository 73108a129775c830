"""What every app may use and that knows none of them: clock, errors, ids, events, live push, logs, metrics. No models."""

from __future__ import annotations
