"""The console's pages of on-call."""
