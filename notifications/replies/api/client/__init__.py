"""Replies through the client dialect."""
