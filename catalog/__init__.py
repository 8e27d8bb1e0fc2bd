"""GPU machines of the three clouds: what each has, where it is offered, what it draws on and costs, each by its source.

Data in `catalog/data/<cloud>.yaml`, read by the Pulumi program (what a pool may ask for) and by `fleet` (what there
is). What no source was found for is left out there and is None here: unknown, never a guess.
"""

from catalog.afterlife import KEPT, Afterlife, Kept
from catalog.machine import Gpu, Interconnect, InterconnectKind, Machine, Price, Quota, Source
from catalog.machines import CLOUDS, UnknownMachineError, find, machine, machines
from catalog.regions import Residence, known_residences, region_names, residence

__all__ = [
    "CLOUDS",
    "KEPT",
    "Afterlife",
    "Gpu",
    "Interconnect",
    "InterconnectKind",
    "Kept",
    "Machine",
    "Price",
    "Quota",
    "Residence",
    "Source",
    "UnknownMachineError",
    "find",
    "known_residences",
    "machine",
    "machines",
    "region_names",
    "residence",
]
