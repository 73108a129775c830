"""The only writers of services, sources and their keys."""
