"""The auditor, the proofs, the heartbeat, what happens when a clock is set back, and retention."""
