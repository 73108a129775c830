"""The verbs on incidents. Each opens its own transaction, locks in one order, and uses no network inside."""
