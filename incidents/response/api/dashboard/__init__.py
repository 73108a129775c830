"""The dashboard dialect of incidents."""
