"""Whether paging works right now."""
