"""The console's pages of destinations, preferences and the delivery log."""
