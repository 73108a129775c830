"""The catalogue: services and sources, and the keys by which senders are known."""
