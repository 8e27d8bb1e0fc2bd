"""Where a cloud's region is, as far as data residency asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.data_file import RegionsFile

_FILE = Path(__file__).parent / "data" / "regions.yaml"


@dataclass(frozen=True)
class Residence:
    """The country that a region is in, and the areas that the country belongs to.

    Attributes:
        country: ISO 3166-1 alpha-2.
        areas: Names of areas, such as EU.
    """

    country: str
    areas: tuple[str, ...]

    def within(self, allowed: Sequence[str]) -> bool:
        """Tell whether data may be here if it may be in `allowed` countries and areas; an empty list allows all."""
        return not allowed or self.country in allowed or any(area in allowed for area in self.areas)


def residence(cloud: str, region: str) -> Residence | None:
    """Give the country and areas of a cloud's region; None for one that the catalogue doesn't have."""
    country = _regions().regions.get(cloud, {}).get(region)
    if country is None:
        return None
    return Residence(country, tuple(area for area, members in _regions().areas.items() if country in members))


def region_names(cloud: str) -> frozenset[str]:
    """Give the cloud's names of its regions, as far as the catalogue has them."""
    return frozenset(_regions().regions.get(cloud, ()))


def known_residences() -> frozenset[str]:
    """Give every country and area in which some cloud has a region."""
    countries = {country for regions in _regions().regions.values() for country in regions.values()}
    return frozenset(countries | set(_regions().areas))


@cache
def _regions() -> "RegionsFile":
    from catalog.data_file import RegionsFile  # noqa: PLC0415 - pydantic, with the file's shape: see there
    from documents import YamlDocument  # noqa: PLC0415 - likewise

    return YamlDocument.read(_FILE).as_model(RegionsFile)
