"""Replies through the dialects."""
