"""The only writers of alerts. Each opens its own transaction; no network inside."""
