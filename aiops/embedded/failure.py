"""Why a start can't go on."""

from __future__ import annotations


class StartRefused(Exception):
    """Told to the person at the terminal as it is: what is wrong and how to mend it."""
