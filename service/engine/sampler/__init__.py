"""Choosing tokens for a whole batch at once."""
