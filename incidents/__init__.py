"""The incident core: signals come in, incidents live and end, people work on them."""
