"""The only writer of dead letters."""
