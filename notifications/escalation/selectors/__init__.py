"""Reads of policies and runs; none writes."""
