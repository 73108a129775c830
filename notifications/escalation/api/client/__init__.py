"""Policies, routes and runs in the client dialect."""
