"""Paging: who is on call, who is notified by which channel and when, and how people answer."""
