"""Keeps what a cluster's objects cause in the account equal to what the objects ask for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rehearsal.account import Account, Claim, Resource, holdings
from rehearsal.clusters.footprints import CAUSE
from rehearsal.clusters.managed_cluster import ManagedCluster

LINGER_S: Final = 1.0
"""How long a network interface stays after its load balancer: minutes in a cloud, a moment here, and never nothing."""
_LINGERING: Final = frozenset(
    {
        "aws:ec2/networkInterface:NetworkInterface",
        "azure-native:network:NetworkInterface",
        "gcp:compute/networkEndpointGroup:NetworkEndpointGroup",
    }
)


@dataclass
class Outside:
    """The footprints of one cluster.

    Attributes:
        memory: the rehearsal's accounts.
        cluster: the cluster.
        clock: seconds that never go back.
    """

    memory: Path
    cluster: ManagedCluster
    clock: Callable[[], float]
    _last_wanted: dict[tuple[str, str], float] = field(default_factory=dict)

    def settle(self, wanted: Iterable[Resource]) -> set[str]:
        """Make what is missing, remove what nothing asks for any more.

        Args:
            wanted: what the cluster's objects ask for.

        Returns:
            Uids of objects of which something is left that only time removes.
        """
        by_key = {(each.type, each.id): each for each in wanted}
        there = {(each.type, each.id): each for each in self._there()}
        now = self.clock()
        account = Account(self.memory, self.cluster.cloud, self.cluster.account)
        try:
            for key, resource in by_key.items():
                self._last_wanted.pop(key, None)
                if key not in there:
                    account.create(resource, Claim(shared=True))
            lingering: set[str] = set()
            for key, resource in there.items():
                if key in by_key:
                    continue
                if resource.type in _LINGERING and now < self._last_wanted.setdefault(key, now) + LINGER_S:
                    lingering.add(resource.outputs[CAUSE]["uid"])
                else:
                    self._last_wanted.pop(key, None)
                    account.delete(resource)
        finally:
            account.close()
        return lingering

    def _there(self) -> Iterable[Resource]:
        for cloud, account, each in holdings(self.memory):
            if (cloud, account) != (self.cluster.cloud, self.cluster.account):
                continue
            if (each.outputs.get(CAUSE) or {}).get("cluster") == self.cluster.identifier:
                yield each
