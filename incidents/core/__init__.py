"""The incident: its tables, its transition table, its one writer of states, and the reads that every page shares."""
