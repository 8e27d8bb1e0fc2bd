"""Which subnet a cluster has, so that no two clusters and no other route of the machine share one.

The leases of the whole machine are in one file of the run folder, changed only under a lock. That folder is gone
after a reboot, and so are the clusters; the wish for the same subnet again is in the cluster's own run record.
"""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from pathlib import Path

from filelock import FileLock

from toolchain.cluster.command import run
from toolchain.cluster.errors import AddressPoolError, ClusterNameError
from toolchain.locations import run_dir

POOL_VARIABLE = "MODELFLEET_CLUSTER_CIDR"
_DEFAULT_POOL = IPv4Network("10.250.0.0/16")
_SUBNET_PREFIX = 24


@dataclass(frozen=True, slots=True)
class Subnet:
    """The addresses of one cluster: what each part of its /24 is for."""

    network: IPv4Network

    @property
    def host(self) -> IPv4Address:
        """The host's end of the veth pair."""
        return self.network[1]

    @property
    def node(self) -> IPv4Address:
        """The node, which also serves the API."""
        return self.network[2]

    @property
    def load_balancers(self) -> IPv4Network:
        """What Services of type LoadBalancer get."""
        return IPv4Network((self.network[64], 26))


@dataclass(frozen=True, slots=True)
class Lease:
    """One cluster's claim to its name and subnet on this machine."""

    name: str
    folder: Path
    network: IPv4Network


def pool() -> IPv4Network:
    """Return the addresses that clusters are carved from: ``$MODELFLEET_CLUSTER_CIDR`` or 10.250.0.0/16.

    Raises:
        AddressPoolError: the variable holds no IPv4 network of at least a /24.
    """
    value = os.environ.get(POOL_VARIABLE, "")
    if not value:
        return _DEFAULT_POOL
    try:
        network = IPv4Network(value)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise AddressPoolError(f"{POOL_VARIABLE}={value}: {error}; give a network like {_DEFAULT_POOL}") from None
    if network.prefixlen > _SUBNET_PREFIX:
        raise AddressPoolError(f"{POOL_VARIABLE}={value} is smaller than the /{_SUBNET_PREFIX} that a cluster needs")
    return network


class LeaseBook:
    """The leases of this machine.

    Args:
        folder: where the file is; the machine's run folder unless a test says otherwise.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = run_dir() if folder is None else folder
        self._file = self._folder / "leases.json"

    def take(self, name: str, folder: Path, *, wish: IPv4Network | None, exact: bool) -> Subnet:
        """Lease a subnet to cluster ``name`` of state folder ``folder``; the same one if it has a lease already.

        Args:
            name: the cluster.
            folder: its state folder.
            wish: the subnet it would like (the one it had before).
            exact: nothing but ``wish`` will do.

        Raises:
            AddressPoolError: no subnet is free, or ``wish`` isn't and was asked for exactly.
            ClusterNameError: a cluster of another state folder has that name.
        """
        with self._locked() as leases:
            own = leases.get(name)
            _check_owner(own, folder)
            others = {lease.network for lease in leases.values() if lease.name != name}
            taken = [*others, *_routed_networks(except_networks={own.network} if own else set())]
            network = _choose(own.network if own and wish is None else wish, taken, exact=exact)
            leases[name] = Lease(name, folder, network)
            return Subnet(network)

    def check_owner(self, name: str, folder: Path) -> None:
        """Check that no cluster of another state folder has that name.

        Raises:
            ClusterNameError: one has.
        """
        with self._locked() as leases:
            _check_owner(leases.get(name), folder)

    def release(self, name: str, folder: Path) -> None:
        """Give the name and the subnet back; a lease of another state folder is left alone."""
        with self._locked() as leases:
            if name in leases and leases[name].folder == folder:
                del leases[name]

    def leases(self) -> tuple[Lease, ...]:
        """Return every lease of this machine."""
        with self._locked() as leases:
            return tuple(leases.values())

    @contextmanager
    def _locked(self) -> Generator[dict[str, Lease]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "leases.lock"):
            leases = self._read()
            before = dict(leases)
            yield leases
            if leases != before:
                self._write(leases)

    def _read(self) -> dict[str, Lease]:
        try:
            rows = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        leases = [Lease(row["name"], Path(row["folder"]), IPv4Network(row["network"])) for row in rows]
        # A state folder that was deleted by hand can't be stopped or reset any more: its lease would stay for ever.
        return {lease.name: lease for lease in leases if lease.folder.exists()}

    def _write(self, leases: dict[str, Lease]) -> None:
        rows = [
            {"name": lease.name, "folder": str(lease.folder), "network": str(lease.network)}
            for lease in leases.values()
        ]
        half = self._file.with_suffix(".new")
        half.write_text(json.dumps(rows, indent=1))
        half.replace(self._file)


def _check_owner(lease: Lease | None, folder: Path) -> None:
    if lease is not None and lease.folder != folder:
        raise ClusterNameError(
            f"cluster {lease.name!r} of {lease.folder} runs on this machine: names are machine-wide, take another one"
        )


def _choose(wish: IPv4Network | None, taken: list[IPv4Network], *, exact: bool) -> IPv4Network:
    def clash(network: IPv4Network) -> IPv4Network | None:
        return next((other for other in taken if other.overlaps(network)), None)

    if wish is not None:
        other = clash(wish)
        if other is None:
            return wish
        if exact:
            raise AddressPoolError(f"subnet {wish} overlaps {other}, which this machine already uses: give another one")
    source = pool()
    free = next((network for network in source.subnets(new_prefix=_SUBNET_PREFIX) if clash(network) is None), None)
    if free is None:
        raise AddressPoolError(
            f"every /{_SUBNET_PREFIX} of {source} is in use on this machine: stop a cluster, or give another "
            f"network in {POOL_VARIABLE}"
        )
    return free


def _routed_networks(except_networks: set[IPv4Network]) -> list[IPv4Network]:
    networks = []
    for route in json.loads(run("ip", "-json", "-4", "route", "show", "table", "all") or "[]"):
        destination = route.get("dst", "default")
        if destination == "default":
            continue
        network = IPv4Network(destination, strict=False)
        if not any(network.subnet_of(own) for own in except_networks):
            networks.append(network)
    return networks
