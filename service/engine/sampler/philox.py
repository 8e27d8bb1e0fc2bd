"""Random numbers that are a function of a key and a counter, with no state between them.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), over numpy
arrays. A token's random number so depends on its request's seed, its choice and its position alone: not on what else is
in the batch, and not on whether the request was interrupted and computed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(
    counter: tuple[NDArray[np.uint64], ...], key: tuple[NDArray[np.uint64], NDArray[np.uint64]]
) -> tuple[NDArray[np.uint64], ...]:
    """Four random words.

    Args:
        counter: four arrays of 32-bit words (held in 64 bits), all of one shape.
        key: two arrays like these.

    Returns:
        Four arrays like these.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (second >> _HALF) ^ c1 ^ k0, second & _WORD, (first >> _HALF) ^ c3 ^ k1, first & _WORD
        k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
    return c0, c1, c2, c3


def uniform(
    seeds: NDArray[np.uint64], choices: NDArray[np.uint64], positions: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """One number in [0, 1) for each position of a choice, with 53 random bits.

    Args:
        seeds: 64 bits each.
        choices: below 2**32.
        positions: which of the choice's tokens.
    """
    low, high = positions & _WORD, positions >> _HALF
    first, second, _, _ = philox((low, high, choices, np.zeros_like(low)), (seeds & _WORD, seeds >> _HALF))
    bits = ((first >> np.uint64(5)) << np.uint64(26)) | (second >> np.uint64(6))
    return bits.astype(np.float64) * 2.0**-53
