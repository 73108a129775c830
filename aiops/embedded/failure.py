"""The error that ends a start, with its reason for the person at the terminal."""

from __future__ import annotations


class StartRefused(Exception):
    """Told to the person at the terminal as it is: what is wrong and how to mend it."""
