"""Delivery: where messages can go, and every message from intent to receipt."""
