"""What people, integrations and timers do to incidents, and the pages and dialects through which they do it."""
