"""Vectors of texts: which a model offers, and the last steps to the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from service.engine.interface import InvalidParameterError, UnsupportedParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# What torch's normalize, which sentence-transformers uses, divides by at least.
_SHORTEST = 1e-12


@dataclass(frozen=True, slots=True)
class EmbeddingInfo:
    """The vectors that a model offers.

    Attributes:
        size: numbers of a vector.
        normalised: whether vectors have length 1, cut ones too.
        cuts: lengths that a vector may be cut to besides its own.
    """

    size: int
    normalised: bool
    cuts: Sequence[int] = ()

    def check(self, dimensions: int | None) -> None:
        """Whether vectors of that many numbers can be had; None asks for whole ones.

        Raises:
            UnsupportedParameterError: this model's can't be cut.
            InvalidParameterError: they can, but not so.
        """
        if dimensions is None or dimensions == self.size or dimensions in self.cuts:
            return
        if not self.cuts:
            raise UnsupportedParameterError(
                f"This model's vectors have {self.size} numbers and it doesn't say that they may be cut.",
                parameter="dimensions",
            )
        if isinstance(self.cuts, range):
            raise InvalidParameterError(f"dimensions must be between 1 and {self.size}.", parameter="dimensions")
        known = ", ".join(map(str, self.cuts))
        raise InvalidParameterError(f"dimensions must be one of {known} or {self.size}.", parameter="dimensions")

    def finish(self, pooled: NDArray[np.float32], dimensions: int | None) -> NDArray[np.float32]:
        """The vector that was asked for.

        Args:
            pooled: (size,), as a `Delta` holds it.
            dimensions: numbers to keep, as `check` lets them pass.

        Returns:
            (dimensions,)
        """
        vector = pooled[:dimensions]
        if not self.normalised:
            return vector
        return (vector / max(float(np.linalg.norm(vector)), _SHORTEST)).astype(np.float32)
