"""A cloud's answer beside what is needed, and whether an update would fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fleet.quota.needs import Need


class Verdict(StrEnum):
    """Whether there is enough.

    FAILS: the limit is below what the region may take alone: pools can't reach their most, or a replacement waits.
    TIGHT: it is enough for the region, and not for it beside what the account uses already, which may be this region.
    FITS: it is enough for both.
    UNKNOWN: the cloud doesn't tell this quota.
    """

    FAILS = "fails"
    TIGHT = "tight"
    FITS = "fits"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Limit:
    """What a cloud says of one quota.

    Attributes:
        limit: At most.
        used: In use in this account and region, whoever by; None where the cloud doesn't tell.
        name: How the cloud's console calls it; empty where it has no other name.
    """

    limit: float
    used: float | None = None
    name: str = ""


@dataclass(frozen=True)
class Standing:
    """One need and its limit."""

    need: Need
    limit: Limit | None

    @property
    def verdict(self) -> Verdict:
        """Whether there is enough."""
        if self.limit is None:
            return Verdict.UNKNOWN
        if self.limit.limit < self.need.most:
            return Verdict.FAILS
        return Verdict.TIGHT if self.limit.limit < self.need.most + (self.limit.used or 0) else Verdict.FITS

    @property
    def remedy(self) -> str:
        """What to do about it; empty where nothing is to be done."""
        if self.verdict is not Verdict.FAILS or self.limit is None:
            return ""
        surge = f" and {self.need.surge} more for a replacement" if self.need.surge else ""
        return (
            f"{self.need.quota} allows {self.limit.limit:g} {self.need.unit}, {', '.join(self.need.by)} may take "
            f"{self.need.amount}{surge}: have it raised to {self.need.most}, or lower `max`"
        )


def compare(needs: Sequence[Need], limits: Mapping[str, Limit]) -> list[Standing]:
    """Put needs and limits together; clouds are not strict about the case of their own names."""
    known = {name.lower(): limit for name, limit in limits.items()}
    return [Standing(need, known.get(need.quota.lower())) for need in needs]
