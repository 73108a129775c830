"""The page of who did what."""
