"""Response: the verbs of people, integrations and timers on incidents, and the pages and dialects that call them."""
