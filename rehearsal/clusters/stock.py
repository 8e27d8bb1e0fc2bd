"""How many machines a simulated cloud has of each SKU, as the scenario states it.

The scenario writes `stock.json` into the world's folder: `{"a3-highgpu-8g": {"reservation": 0, "on-demand": 2}}`. What
isn't named there is never out. The file is read each time that a machine is asked for, so that stock can come back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE: Final = "stock.json"
_REFUSALS: Final[Mapping[str, str]] = {
    # docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    "aws": "InsufficientInstanceCapacity: We currently do not have sufficient {sku} capacity in {region}",
    # learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available
    "azure-native": "SkuNotAvailable: The requested VM size {sku} is currently not available in location {region}",
    # cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability
    "gcp": "ZONE_RESOURCE_POOL_EXHAUSTED: {region} does not have enough resources available for {sku}",
}


@dataclass(frozen=True)
class Stock:
    """Machines that there are, by SKU and rung.

    Attributes:
        machines: how many; a SKU or rung that is not named is never out.
    """

    machines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, world: Path) -> "Stock":
        """Read what the scenario states; everything is in stock where it states nothing."""
        try:
            return cls(json.loads((world / FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return cls()

    def write(self, world: Path) -> None:
        """State it for a world, in place of what was stated before."""
        half = world / f"{FILE}.new"
        half.write_text(json.dumps(self.machines, indent=1), encoding="utf-8")
        half.replace(world / FILE)

    def left(self, sku: str, rung: str, used: int) -> int | None:
        """Give how many more can be had, None where there is no limit.

        Args:
            sku: the machine.
            rung: how it is bought.
            used: how many of these the cluster has.
        """
        stated = self.machines.get(sku, {}).get(rung)
        return None if stated is None else max(0, stated - used)


def refusal(cloud: str, sku: str, region: str) -> str:
    """Say as a cloud does that it has no more machines.

    Args:
        cloud: the plugin's name.
        sku: the machine.
        region: where.
    """
    return f"{_REFUSALS[cloud].format(sku=sku, region=region)} (simulated)"
