"""Policies, routes and runs in the dialects."""
