"""Reads of who is on call; none writes."""
