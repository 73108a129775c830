"""Periodic work for many subjects, each in its own try, and the troubles of those that fail."""
