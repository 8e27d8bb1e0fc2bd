"""The two tests against values that others computed, and against chance."""

import math
import random

import pytest

from release.gate.comparison import fisher_p, mann_whitney_p


def test_mann_and_whitney_s_own_numbers() -> None:
    # By hand: U is 24.5 of 25 (one tie), the mean 12.5, the variance 25/12 * (11 - 6/90).
    p = mann_whitney_p([1, 2, 3, 4, 5], [5, 6, 7, 8, 9])
    z = (24.5 - 12.5 - 0.5) / math.sqrt(25 / 12 * (11 - 6 / 90))
    assert p == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)))


def test_equal_values_are_no_difference() -> None:
    assert mann_whitney_p([1.0] * 20, [1.0] * 20) == 1.0


def test_it_is_one_sided() -> None:
    low, high = [float(value) for value in range(20)], [float(value) for value in range(20, 40)]
    assert mann_whitney_p(low, high) < 1e-6
    assert mann_whitney_p(high, low) > 0.999


def test_fisher_s_tea() -> None:
    # The lady who tasted tea: 4 of 4 right, 1 in 70 by chance.
    assert fisher_p(0, 4, 4, 4) == pytest.approx(1 / 70)


def test_fisher_agrees_with_a_count_of_all_cases() -> None:
    before, after, errors = 12, 9, 5
    whole = math.comb(before + after, errors)
    expected = sum(math.comb(after, k) * math.comb(before, errors - k) for k in range(3, 6)) / whole
    assert fisher_p(errors - 3, before, 3, after) == pytest.approx(expected)


@pytest.mark.parametrize("arguments", [(5, 4, 0, 4), (-1, 4, 0, 4), (0, 0, 0, 0)])
def test_fisher_refuses_what_is_no_count(arguments: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="errors are some of the requests"):
        fisher_p(*arguments)


def test_p_values_are_those_of_chance() -> None:
    """Of equal distributions, a share of at most `p` is called different at level `p`."""
    source = random.Random(20261121)
    rounds, level = 3000, 0.01
    values = [
        mann_whitney_p(
            [source.lognormvariate(0, 0.5) for _ in range(20)], [source.lognormvariate(0, 0.5) for _ in range(20)]
        )
        for _ in range(rounds)
    ]
    share = sum(value < level for value in values) / rounds
    # Three standard deviations of a binomial above the level.
    assert share < level + 3 * math.sqrt(level * (1 - level) / rounds)
    assert share > level / 3  # and it is no test that never says anything
