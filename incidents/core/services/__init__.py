"""What ingest, people and timers share: the writer of states, incident numbers, reactions to events."""
