"""Who did what: every change of state or configuration is one event, and the events are sealed into a chain."""
