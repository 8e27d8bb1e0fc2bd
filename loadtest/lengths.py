"""How long prompts and outputs are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import random


class LengthsError(ValueError):
    """A text that spells no distribution of lengths."""


class Lengths(Protocol):
    """A distribution of lengths in tokens."""

    def draw(self, random: random.Random) -> int:
        """Give one length, at least 1."""
        ...

    @property
    def longest(self) -> int:
        """No length is above this."""
        ...


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every length from `shortest` to `longest` is as likely; both may be the same."""

    shortest: int
    longest: int

    def draw(self, random: random.Random) -> int:
        """See `Lengths.draw`."""
        return random.randint(self.shortest, self.longest)

    def __str__(self) -> str:
        return str(self.shortest) if self.shortest == self.longest else f"{self.shortest}-{self.longest}"


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Many short and few long ones, as people's prompts and models' answers are.

    Attributes:
        median: half of the lengths are below.
        sigma: standard deviation of the length's logarithm; 0.5 to 1.2 are usual in published traces.
        longest: longer ones are cut to this.
    """

    median: int
    sigma: float
    longest: int

    def draw(self, random: random.Random) -> int:
        """See `Lengths.draw`."""
        return max(1, min(self.longest, round(self.median * random.lognormvariate(0.0, self.sigma))))

    def __str__(self) -> str:
        return f"lognormal:{self.median},{self.sigma:g},{self.longest}"


def parse_lengths(text: str) -> Lengths:
    """Read ``64``, ``50-200`` or ``lognormal:MEDIAN,SIGMA,LONGEST``.

    Raises:
        LengthsError: it is none of them, or a length is below 1.
    """
    if found := re.fullmatch(r"(\d+)(?:-(\d+))?", text):
        shortest = int(found[1])
        longest = int(found[2] or found[1])
        if 1 <= shortest <= longest:
            return Uniform(shortest, longest)
    elif found := re.fullmatch(r"lognormal:(\d+),(\d+(?:\.\d+)?),(\d+)", text):
        median, sigma, longest = int(found[1]), float(found[2]), int(found[3])
        if 1 <= median <= longest:
            return LogNormal(median, sigma, longest)
    raise LengthsError(
        f"{text!r} is no length: write 64, 50-200 or lognormal:300,0.8,4000 (median, sigma, longest), from 1 token on"
    )
