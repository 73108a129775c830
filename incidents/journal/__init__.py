"""Dead letters: requests that could not be read, kept with the reason."""
