"""Which agent pools a GPU pool of the stack file becomes, before any of them is made.

**One agent pool per rung.** Every rung starts at zero machines, so that making a pool never fails for want of
capacity; what asks for machines are pods (`capacity.py`), and the autoscaler's priority expander tries the rungs in
their order (`addons.py`).

**Replacement.** A change that needs other machines changes the pool's generation, which is in its agent pools' names.
`surge`: the new agent pool is there before the old one is deleted. `rolling`: a rung is cut into slices, by zone where
there are several, which are replaced one after the other, each old one going first: what reserved machines and full
quotas allow, and never more than a slice is missing. AKS can't change an agent pool's machine in place.

**Names** have 12 characters: up to five of the pool's, the rung's letter, the generation, the slice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import catalog
from catalog import InterconnectKind, Machine
from infra.clouds.azure.node_pools import NAME_LENGTH, deal
from infra.config import GpuPoolSettings, Replacement, Rung

_LETTERS = {Rung.RESERVATION: "r", Rung.ON_DEMAND: "d", Rung.SPOT: "s"}
_POOL_LETTERS = 5
_PRIORITY_STEP = 10

STANDING_SLICES = 2
"""Slices of a rolling pool in a single zone: while one is replaced, the other serves."""


@dataclass(frozen=True)
class AgentPoolPlan:
    """One agent pool: a rung of a pool, or a slice of one.

    Attributes:
        name: Its name in Azure.
        label: Its name in the stack, which stays when machines change.
        pool: The pool of the stack file.
        machine: Its machine, from the catalogue.
        rung: How machines are bought.
        zones: Zones that they may be in.
        max: Machines at most.
        priority: The autoscaler tries higher ones first.
        after: Label of the slice that is replaced before this one; None for the first.
    """

    name: str
    label: str
    pool: GpuPoolSettings
    machine: Machine
    rung: Rung
    zones: tuple[str, ...]
    max: int
    priority: int
    after: str | None

    @property
    def infiniband(self) -> bool:
        """Whether its machines work together over InfiniBand."""
        return self.pool.group_size > 1 and self.machine.interconnect.kind is InterconnectKind.INFINIBAND

    @property
    def rolling(self) -> bool:
        """Whether the old machines go before the new ones come."""
        return self.pool.replacement is Replacement.ROLLING


def plan(pools: Sequence[GpuPoolSettings], zones: Sequence[str]) -> tuple[AgentPoolPlan, ...]:
    """The agent pools of all GPU pools, each pool's rungs in their order.

    Raises:
        ValueError: a pool names a zone that the network doesn't have, wants groups of machines that have no fast
            network, or two pools' names can't be told apart in twelve characters.
        catalog.UnknownMachineError: the catalogue has no such machine.
    """
    plans = tuple(planned for pool in pools for planned in _plan_pool(pool, zones))
    names: dict[str, str] = {}
    for planned in plans:
        other = names.setdefault(planned.name, planned.label)
        if other != planned.label:
            msg = (
                f"gpuPools: {planned.label} and {other} would both be {planned.name!r} on AKS, whose names have "
                f"{NAME_LENGTH} characters: give one of the pools another first {_POOL_LETTERS} letters"
            )
            raise ValueError(msg)
    return plans


def _plan_pool(pool: GpuPoolSettings, zones: Sequence[str]) -> Iterator[AgentPoolPlan]:
    machine = catalog.machine("azure", pool.sku)
    _check(pool, machine, zones)
    own_zones = pool.zones or tuple(zones)
    if pool.group_size > 1:
        own_zones = own_zones[:1]  # machines of a group are close to each other
    letters = "".join(character for character in pool.name if character.isalnum())[:_POOL_LETTERS]
    for position, rung in enumerate(pool.rungs):
        before = None
        for index, (slice_zones, machines) in enumerate(_slices(pool, own_zones)):
            suffix = f"-{index + 1}" if index else ""
            label = f"{pool.name}-{rung}{suffix}"
            yield AgentPoolPlan(
                name=f"{letters}{_LETTERS[rung]}{pool.generation}{index + 1 if index else ''}",
                label=label,
                pool=pool,
                machine=machine,
                rung=rung,
                zones=slice_zones,
                max=machines,
                priority=_PRIORITY_STEP * (len(pool.rungs) - position),
                after=before,
            )
            before = label


def _slices(pool: GpuPoolSettings, zones: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if pool.replacement is Replacement.SURGE:
        yield zones, pool.max
        return
    places = zones if len(zones) > 1 else zones * STANDING_SLICES
    groups = deal(pool.max // pool.group_size, len(places))  # a group is never cut
    for zone, count in zip(places, groups, strict=True):
        if count:
            yield (zone,), count * pool.group_size


def _check(pool: GpuPoolSettings, machine: Machine, zones: Sequence[str]) -> None:
    strangers = [zone for zone in pool.zones if zone not in zones]
    if strangers:
        msg = f"gpuPools: {pool.name}: zones: {', '.join(strangers)} is none of this network's: use {', '.join(zones)}"
        raise ValueError(msg)
    if pool.group_size > 1 and machine.interconnect.kind is not InterconnectKind.INFINIBAND:
        msg = (
            f"gpuPools: {pool.name}: groupSize {pool.group_size} needs InfiniBand between machines, which {pool.sku} "
            "does not have: use groupSize 1, or a machine whose interconnect is infiniband "
            "(`fleet catalog list --cloud azure`)"
        )
        raise ValueError(msg)
    if pool.max < pool.group_size:
        msg = f"gpuPools: {pool.name}: max {pool.max} is less than one group of {pool.group_size}: raise max"
        raise ValueError(msg)
