"""The console's pages of policies, and the escalation panel of an incident."""
