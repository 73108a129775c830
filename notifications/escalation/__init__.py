"""Escalation: policies, the runs of incidents through them, and the routes of announcements."""
