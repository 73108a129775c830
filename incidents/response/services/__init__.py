"""The verbs on incidents. Each opens its own transaction, locks in one order, and does no network inside."""
