"""Whether what came after differs from what was before by more than chance: two one-sided tests.

That two times differ is never the question: with many samples the smallest shift is "significant" (another hour's
traffic, a neighbour on the machine). The question is whether they differ by more than a stated factor, so what was
before is multiplied by it first: a test of a least effect.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist


def mann_whitney_p(before: Sequence[float], after: Sequence[float]) -> float:
    """Give the chance of values `after` at least this much greater, if both were drawn from one distribution.

    Mann and Whitney (1947), "On a test of whether one of two random variables is stochastically larger than the other";
    by the normal approximation with the correction for ties (Lehmann, "Nonparametrics", 1.5) and for continuity, which
    is good from about 10 values on each side.

    Raises:
        ValueError: one of them is empty.
    """
    if not before or not after:
        raise ValueError("a comparison needs values on both sides")
    ordered = sorted([*before, *after])
    total, mine = len(ordered), len(after)
    rank: dict[float, float] = {}
    ties = 0.0
    start = 0
    while start < total:
        end = start
        while end < total and ordered[end] == ordered[start]:
            end += 1
        rank[ordered[start]] = (start + 1 + end) / 2
        ties += (end - start) ** 3 - (end - start)
        start = end
    greater = sum(rank[value] for value in after) - mine * (mine + 1) / 2
    mean = mine * len(before) / 2
    variance = mine * len(before) / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance == 0:  # all values are equal
        return 1.0
    return 1 - NormalDist().cdf((greater - mean - 0.5) / math.sqrt(variance))


def fisher_p(errors_before: int, before: int, errors_after: int, after: int) -> float:
    """Give the chance of at least this many errors after, if each of all errors had struck any request alike.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution.

    Raises:
        ValueError: there are more errors than requests, or none of either.
    """
    if not (0 <= errors_before <= before and 0 <= errors_after <= after and before + after > 0):
        raise ValueError("errors are some of the requests")
    errors = errors_before + errors_after
    whole = _log_choose(before + after, errors)
    tail = sum(
        math.exp(_log_choose(after, count) + _log_choose(before, errors - count) - whole)
        for count in range(errors_after, min(errors, after) + 1)
        if errors - count <= before
    )
    return min(1.0, tail)


def _log_choose(number: int, chosen: int) -> float:
    return math.lgamma(number + 1) - math.lgamma(chosen + 1) - math.lgamma(number - chosen + 1)
