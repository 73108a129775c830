"""The client dialect of incidents."""
