"""An app above all others that adds one of each extension point, and touches nothing of theirs (docs/architecture.md)."""
