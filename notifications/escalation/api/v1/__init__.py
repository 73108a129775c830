"""Policies, routes and runs in the v1 dialect."""
