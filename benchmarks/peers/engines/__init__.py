"""One file for each engine: how it is set up at its best, and how it is asked."""
