"""The admin pages of policies and routes."""
