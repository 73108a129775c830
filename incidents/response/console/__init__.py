"""The console's pages of incidents, and the live updates of open pages."""
