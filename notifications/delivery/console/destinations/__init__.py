"""The pages of destinations, provider accounts and routes."""
