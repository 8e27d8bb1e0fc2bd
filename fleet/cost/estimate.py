"""An estimate: usage times prices, told by region, pool and tenant, with what is not in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.price_book import PriceBook, Rate, price_book
from fleet.console import FleetError
from fleet.cost.pools import pool_usage
from fleet.cost.regions import region_usage
from fleet.cost.usage import Assumptions, Usage
from fleet.cost.usual import USUAL
from infra.config import Cloud, StackKind, StackSettings


@dataclass(frozen=True)
class Amount:
    """Dollars a month without tax: at least, as expected, at most."""

    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, factor: float) -> "Amount":
        """Each of the three, so many times."""
        return Amount(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True)
class Line:
    """One priced line.

    Attributes:
        usage: What and how much.
        rate: What one unit costs; None where no source was found.
        elsewhere: Whether the price is another region's.
    """

    usage: Usage
    rate: Rate | None
    elsewhere: bool

    @property
    def amount(self) -> Amount:
        """What it costs; nothing where the price is unknown, which `Estimate.unpriced` tells."""
        if self.rate is None:
            return Amount()
        units = self.usage.units
        return Amount(units.low, units.expected, units.high).times(self.rate.usd)


@dataclass(frozen=True)
class Estimate:
    """What a region costs in a month.

    Attributes:
        stack: Its name.
        cloud: Its cloud.
        region: Its region.
        lines: All lines, the unpriced ones too.
        shares: Each tenant's part of what all share, by the tokens a minute that its file allows; they add up to one.
        assumptions: What no stack file says.
    """

    stack: str
    cloud: str
    region: str
    lines: tuple[Line, ...]
    shares: Mapping[str, float]
    assumptions: Assumptions

    @property
    def total(self) -> Amount:
        """All that is priced."""
        return _sum(self.lines)

    @property
    def unpriced(self) -> tuple[Usage, ...]:
        """What would be paid too, and no source says at what price."""
        return tuple(line.usage for line in self.lines if line.rate is None)

    @property
    def elsewhere(self) -> tuple[Line, ...]:
        """Lines at another region's price."""
        return tuple(line for line in self.lines if line.elsewhere)

    def by_pool(self) -> dict[str, Amount]:
        """What each pool costs; the region's own parts stand under the empty name."""
        return _grouped(self.lines, lambda line: line.usage.pool)

    def by_part(self) -> dict[str, Amount]:
        """What each part costs: pools by name, all else by what it is for."""
        return _grouped(self.lines, _part)

    @property
    def unknown_parts(self) -> frozenset[str]:
        """Parts of which nothing has a known price."""
        return frozenset(map(_part, self.lines)) - {_part(line) for line in self.lines if line.rate is not None}

    def by_tenant(self) -> dict[str, Amount]:
        """What each tenant costs: its own lines, and its share of the shared ones; without tenants nothing."""
        own = _grouped((line for line in self.lines if line.usage.tenant), lambda line: line.usage.tenant)
        shared = _sum(line for line in self.lines if not line.usage.tenant)
        return {name: own.get(name, Amount()) + shared.times(share) for name, share in self.shares.items()}


def estimate(stack: str, settings: StackSettings, assumptions: Assumptions, book: PriceBook | None = None) -> Estimate:
    """Estimate what a region costs in a month.

    Args:
        stack: Its name.
        settings: What its file says.
        assumptions: What no file says.
        book: Prices; by default the catalogue's.

    Raises:
        FleetError: the stack is no region of a cloud.
    """
    if settings.cloud is Cloud.LOCAL:
        raise FleetError(f"stack {stack} is on this machine, which no cloud charges for: name a region of a cloud")
    if settings.kind is not StackKind.REGION:
        raise FleetError(f"stack {stack} is of kind {settings.kind}: an estimate is of regions; name one of them")
    usual = USUAL[settings.cloud]
    prices = price_book(settings.cloud) if book is None else book
    usages = [*pool_usage(settings, usual, assumptions), *region_usage(settings, usual, assumptions)]
    return Estimate(
        stack,
        settings.cloud,
        settings.region,
        tuple(_priced(usage, prices, settings.region) for usage in usages),
        _shares(settings),
        assumptions,
    )


def _part(line: Line) -> str:
    return f"pool {line.usage.pool}" if line.usage.pool else line.usage.part


def _priced(usage: Usage, prices: PriceBook, region: str) -> Line:
    rate = prices.rate(usage.meter, usage.sku, region)
    return Line(usage, rate, rate is not None and rate.region != region)


def _shares(settings: StackSettings) -> dict[str, float]:
    tokens = {tenant.name: tenant.limits.tokens_per_minute for tenant in settings.tenants}
    total = sum(tokens.values())
    return {name: mine / total for name, mine in tokens.items()}


def _sum(lines: Iterable[Line]) -> Amount:
    return sum((line.amount for line in lines), Amount())


def _grouped(lines: Iterable[Line], key: Callable[[Line], str]) -> dict[str, Amount]:
    found: dict[str, Amount] = {}
    for line in lines:
        found[key(line)] = found.get(key(line), Amount()) + line.amount
    return found


def largest_first(amounts: Mapping[str, Amount]) -> Sequence[tuple[str, Amount]]:
    """Order amounts for people: what costs most comes first."""
    return sorted(amounts.items(), key=lambda item: -item[1].expected)
