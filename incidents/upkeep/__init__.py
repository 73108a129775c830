"""Upkeep: periodic work over many items, each in its own try, and the record of the items that fail."""
