"""Thousands of requests of every kind at once; each live one is answered as if it were alone, and nothing is left.

`python -m benchmarks.soak --requests 10000 --seed 1` runs them against the engine in process, and a part of them
against a server over HTTP, with clients that leave, deadlines that pass and prompts that are too long among them.
"""
