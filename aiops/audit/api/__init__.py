"""v1: who did what, to read and to take away."""
