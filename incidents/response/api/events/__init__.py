"""The words of the events dialect."""
