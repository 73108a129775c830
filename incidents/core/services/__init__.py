"""Services that ingest, people and timers share: the writer of the status, incident numbers, published events."""
