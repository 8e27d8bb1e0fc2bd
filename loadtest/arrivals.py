"""When requests arrive."""

import math
import random
from collections.abc import Iterator


def poisson(rate_per_s: float, random: random.Random) -> Iterator[float]:
    """Give the times at which independent users ask, in seconds since the first could have.

    The gaps of a Poisson process are exponential with mean ``1 / rate_per_s``; an infinite rate is one burst.

    Args:
        rate_per_s: requests a second, above 0.
        random: of the gaps.
    """
    at_s = 0.0
    while True:
        if math.isfinite(rate_per_s):
            at_s += random.expovariate(rate_per_s)
        yield at_s
