"""The catalogue in memory: read once, looked up by cloud and SKU."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from catalog.machine import Machine

CLOUDS = ("aws", "azure", "gcp")
_DATA = Path(__file__).parent / "data"


class UnknownMachineError(LookupError):
    """The catalogue has no such machine; the text names the nearest ones."""


def machine(cloud: str, sku: str) -> Machine:
    """Look a machine up.

    Raises:
        UnknownMachineError: the catalogue doesn't have it.
    """
    known = _machines_of(cloud) if cloud in CLOUDS else {}
    if sku in known:
        return known[sku]
    close = get_close_matches(sku, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(known))}"
    raise UnknownMachineError(f"{sku!r} is no GPU machine of {cloud} in the catalogue; {hint}")


def find(sku: str) -> Machine:
    """Look a machine up in every cloud: no two clouds share a name.

    Raises:
        UnknownMachineError: no cloud has it.
    """
    known = {machine.sku: machine for machine in machines()}
    if sku in known:
        return known[sku]
    close = get_close_matches(sku, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`fleet catalog list` lists all"
    raise UnknownMachineError(f"{sku!r} is no GPU machine of any cloud in the catalogue; {hint}")


def machines(cloud: str | None = None) -> tuple[Machine, ...]:
    """Give all machines, or one cloud's, in the order of their files."""
    return tuple(found for name in CLOUDS if cloud in {None, name} for found in _machines_of(name).values())


@cache
def _machines_of(cloud: str) -> Mapping[str, Machine]:
    from catalog.machine_file import read  # noqa: PLC0415 - what reads files is imported with the first one

    return read(_DATA / f"{cloud}.yaml", cloud)
