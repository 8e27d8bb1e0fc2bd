"""A program of the engine's that asks plugins, in a folder of its own."""
