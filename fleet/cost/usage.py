"""How much of what a stack uses in a month: at least, as expected, and at most."""

from dataclasses import dataclass, field

from catalog.price_book import Meter

HOURS_PER_MONTH = 730
"""365 days of 24 hours in twelve parts: what the three clouds' own calculators count."""


@dataclass(frozen=True)
class Quantity:
    """Units a month.

    Attributes:
        low: With every pool at its least.
        expected: With every pool as far up as `Assumptions.load` says.
        high: With every pool at its most.
    """

    low: float
    expected: float
    high: float

    @classmethod
    def always(cls, units: float) -> "Quantity":
        """The same, whatever the load."""
        return cls(units, units, units)

    def times(self, factor: float) -> "Quantity":
        """Each of the three, so many times."""
        return Quantity(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True)
class Assumptions:
    """What no stack file says.

    Attributes:
        load: How far between its least and its most a pool is, on average: 0 to 1.
        egress_gb: Gigabytes a month that leave the cloud.
        nat_gb: Gigabytes a month through NAT gateways.
        object_gb: Gigabytes of weights and data in object storage.
    """

    load: float = 0.5
    egress_gb: float = 1000
    nat_gb: float = 100
    object_gb: float = 1000


@dataclass(frozen=True)
class Usage:
    """One line of a bill, not yet priced.

    Attributes:
        part: What it is for, in a word.
        meter: What the cloud counts.
        sku: Size, class or tier; empty where there is one only.
        units: Units of the meter's price.
        pool: The GPU or CPU pool that it is of; empty for the region's own.
        tenant: The tenant that has it alone; empty for what all share.
        note: What the number leaves out or takes as given.
    """

    part: str
    meter: Meter
    sku: str
    units: Quantity = field(default_factory=lambda: Quantity.always(HOURS_PER_MONTH))
    pool: str = ""
    tenant: str = ""
    note: str = ""
