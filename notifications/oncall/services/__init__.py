"""The only writers of schedules, overrides, swaps, time off and calendars."""
