"""The managed Kubernetes clusters that a rehearsal's accounts hold."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rehearsal.account import Resource, holdings
from rehearsal.template import look_up

EKS: Final = "aws:eks/cluster:Cluster"
AKS: Final = "azure-native:containerservice:ManagedCluster"
GKE: Final = "gcp:container/cluster:Cluster"
_DRAWN: Final[Mapping[str, str]] = {
    EKS: "endpoint",
    AKS: "oidcIssuerProfile.issuerURL",
    GKE: "controlPlaneEndpointsConfig.dnsEndpointConfig.endpoint",
}
"""An output that the cloud draws for each cluster anew: one that is made again under its name is another cluster."""


@dataclass(frozen=True)
class ManagedCluster:
    """A managed cluster, as an account knows it.

    Attributes:
        cloud: the plugin's name: aws, azure-native or gcp.
        account: what the cloud calls the account.
        resource: the cluster.
    """

    cloud: str
    account: str
    resource: Resource

    @property
    def identifier(self) -> str:
        """What programs give to the Kubernetes provider: an ARN, a resource id."""
        return str(self.resource.outputs["arn"]) if self.resource.type == EKS else self.resource.id

    @property
    def region(self) -> str:
        """Where it is."""
        return self.resource.region or str(self.resource.inputs.get("location", ""))

    def is_called(self, identifier: str) -> bool:
        """Tell whether an identifier, or the id of the resource, means this one."""
        return identifier in {self.resource.id, self.identifier}

    def machine_name(self, world: Path) -> str:
        """Give the name of its control plane, unique on the machine, and another one for another cluster.

        Args:
            world: the rehearsal's folder.
        """
        drawn = look_up(self.resource.outputs, _DRAWN[self.resource.type])
        digest = hashlib.sha256(f"{world.resolve()}\n{self.identifier}\n{drawn}".encode()).hexdigest()
        return f"simulated-{digest[:12]}"


def managed_clusters(memory: Path) -> Iterator[ManagedCluster]:
    """Yield every living cluster of all accounts of a rehearsal."""
    for cloud, account, each in holdings(memory):
        if each.type in _DRAWN and each.afterlife is None:
            yield ManagedCluster(cloud, account, each)


def find_cluster(memory: Path, identifier: str) -> ManagedCluster | None:
    """Find a living cluster by what programs give to the Kubernetes provider; None if there is none."""
    return next((each for each in managed_clusters(memory) if each.is_called(identifier)), None)
