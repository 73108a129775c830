"""The console's pages of routes."""
