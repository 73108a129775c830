"""The incident: its tables, its transition table, the one writer of its status, and the shared reads."""
