"""Reads of destinations and people's contact data; none writes."""
