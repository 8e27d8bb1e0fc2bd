"""Turning prompts into tokens: the `Engine` protocol and what implements it."""
