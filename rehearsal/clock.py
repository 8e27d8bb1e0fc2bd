"""The virtual clock: how long a call would take in a cloud, drawn from a distribution by type and operation.

Times of operations are positive and skewed, most near the median and some far longer, so that they are drawn from a
log-normal distribution: its logarithm is normal, with the median's logarithm as mean.
"""

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rehearsal.journal import Operation

USUAL_S: Final[Mapping[Operation, float]] = {Operation.CREATE: 2.0, Operation.UPDATE: 1.5, Operation.DELETE: 1.5}
"""An answer of an API that does its work at once, and the read that follows it, in the median."""
USUAL_SPREAD: Final = 1.3


@dataclass(frozen=True, kw_only=True)
class Takes:
    """How long a type's operations take.

    Attributes:
        create: seconds that its creation takes, in the median; None where it is like that of any small resource.
        update: the same for a change in place.
        delete: the same for its deletion.
        spread: two of three times are within the median divided and multiplied by this.
        source: where these times are documented or reported.
    """

    create: float | None = None
    update: float | None = None
    delete: float | None = None
    spread: float = 1.2
    source: str

    def median_s(self, operation: Operation) -> float | None:
        """Give an operation's median in seconds, None where it is a usual one."""
        match operation:
            case Operation.CREATE:
                return self.create
            case Operation.UPDATE:
                return self.update
            case Operation.DELETE:
                return self.delete


def draw_s(takes: Takes | None, operation: Operation, seed: str) -> float:
    """Draw the seconds that an operation takes: the same ones for the same seed.

    Args:
        takes: what is known of the type, None if nothing.
        operation: what is done.
        seed: what is drawn from: world, resource, operation and attempt.
    """
    known_s = None if takes is None else takes.median_s(operation)
    median_s, spread = (USUAL_S[operation], USUAL_SPREAD) if takes is None or known_s is None else (
        known_s,
        takes.spread,
    )  # fmt: skip
    drawn = random.Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311 - a time, no secret
    return drawn.lognormvariate(math.log(median_s), math.log(spread))


def backed_off_s(retries: int, *, first_s: float = 1.0, longest_s: float = 30.0) -> float:
    """Give the seconds between an operation's attempts, each pause twice as long as the one before.

    Args:
        retries: how often it was tried again.
        first_s: the first pause.
        longest_s: what a pause doesn't exceed.
    """
    return sum(min(first_s * 2**retry, longest_s) for retry in range(retries))
