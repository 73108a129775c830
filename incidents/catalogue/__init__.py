"""Services and sources: what a signal can be about, and the keys by which senders are known."""
