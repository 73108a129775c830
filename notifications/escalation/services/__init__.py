"""The only writers of policies, routes and escalation runs."""
