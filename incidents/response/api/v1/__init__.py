"""The v1 dialect of incidents."""
