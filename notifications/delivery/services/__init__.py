"""The only writers of destinations, contact rules and deliveries; no network inside a transaction."""
