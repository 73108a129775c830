"""What people answer to a page, done as the person who answered."""
