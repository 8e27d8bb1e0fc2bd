"""How sure a median is."""

import pytest

from benchmarks.prefix_cache import median_interval


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (range(100), (40, 49.5, 59)),  # the table's ranks 41 and 60 of 100
        ([3.0, 1.0, 2.0], (1.0, 2.0, 3.0)),
        ([5.0], (5.0, 5.0, 5.0)),
    ],
)
def test_the_interval_of_a_median_is_that_of_the_binomial_ranks(
    samples: list[float], expected: tuple[float, float, float]
) -> None:
    assert median_interval(samples) == expected
