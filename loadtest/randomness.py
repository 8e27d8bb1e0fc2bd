"""Random numbers of a load: the same seed gives the same load on every machine."""

import random


def seeded(seed: int | str) -> random.Random:
    """Give a generator of its own, so that drawing more lengths doesn't change the arrivals."""
    return random.Random(seed)  # noqa: S311 - a load has to be repeatable, not secret
