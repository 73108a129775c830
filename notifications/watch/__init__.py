"""The watch over paging: auditor, proof of paging, heartbeat, clock roll-back and retention."""
