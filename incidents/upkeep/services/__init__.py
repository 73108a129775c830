"""The only writer of troubles."""
