"""OpenAI's answers, whole or as a stream of events, out of an engine's deltas."""
