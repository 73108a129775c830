"""Ingest: a sender's body becomes signals, and signals become incidents."""
