"""The watch over paging: auditor, proofs of paging, heartbeat, clock and retention."""
