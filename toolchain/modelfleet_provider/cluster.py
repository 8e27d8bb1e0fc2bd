"""`local:Cluster`: an embedded Kubernetes on this machine.

Inputs: clusterName, simulatedGpus, stack (whose it is). Outputs: clusterId (changes with its data), kubeconfig
(secret), gatewayAddress (the first address of its load-balancer pool, kept for the gateway).
"""

import hashlib

import yaml

from toolchain.cluster import ClusterSpec, ClusterState, ClusterStatus, EmbeddedCluster
from toolchain.cluster.errors import NotRunningError
from toolchain.modelfleet_provider.resource_type import Inputs, Outputs, Progress, ResourceType


class Cluster(ResourceType):
    """A cluster that runs as long as the resource exists; one that was stopped is started by the next update."""

    outputs = ("clusterId", "kubeconfig", "gatewayAddress")
    secrets = frozenset({"kubeconfig"})
    replaced_by = frozenset({"clusterName"})

    def stale(self, outputs: Outputs) -> str | None:
        """Ask to be started again, after a reboot for instance, and to be read anew where its addresses changed."""
        cluster = EmbeddedCluster(outputs["clusterName"])
        status = cluster.status()
        if status.state in {ClusterState.STOPPED, ClusterState.CRASHED}:
            return f"is {status.state}"
        # Another cluster may have taken its subnet while it was stopped.
        if status.state is not ClusterState.STARTING and _outputs(cluster, status) != {
            name: outputs[name] for name in self.outputs
        }:
            return "has other addresses than before"
        return None

    def kept(self, outputs: Outputs) -> Outputs:
        """A stopped cluster comes back as itself, as long as its data is there."""
        there = EmbeddedCluster(outputs["clusterName"]).kubeconfig.is_file()
        return {"clusterId": outputs["clusterId"]} if there else {}

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Start it; another stack's is left alone."""
        cluster = EmbeddedCluster(inputs["clusterName"])
        cluster.claim(inputs["stack"])
        status = cluster.start(ClusterSpec(simulated_gpus=inputs["simulatedGpus"]), on_progress=progress)
        return inputs["clusterName"], _outputs(cluster, status)

    def update(self, resource_id: str, inputs: Inputs, outputs: Outputs, progress: Progress) -> Outputs:
        """Start it if it is stopped; other settings need a restart, which keeps its data."""
        del resource_id
        if outputs.get("simulatedGpus") != inputs["simulatedGpus"]:
            progress("stopping it: its settings change")
            EmbeddedCluster(inputs["clusterName"]).stop()
        return self.create(inputs, progress)[1]

    def read(self, resource_id: str, outputs: Outputs) -> Outputs | None:
        """Look whether its data is still there."""
        del resource_id
        cluster = EmbeddedCluster(outputs["clusterName"])
        return outputs if cluster.kubeconfig.is_file() else None

    def delete(self, resource_id: str, outputs: Outputs) -> None:
        """End every process of it and remove its data, unless it has become another stack's."""
        del resource_id
        cluster = EmbeddedCluster(outputs["clusterName"])
        if cluster.owner in {None, outputs.get("stack")}:
            cluster.reset()


def _outputs(cluster: EmbeddedCluster, status: ClusterStatus) -> Outputs:
    if status.load_balancer_pool is None:
        raise NotRunningError(f"cluster {status.name} has no addresses: start it again")
    kubeconfig = cluster.kubeconfig.read_text(encoding="utf-8")
    authority = yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]["certificate-authority-data"]
    # The authority is made with the cluster's data and lives as long: its hash tells this cluster from the one
    # that a reset would bring.
    return {
        "clusterId": f"{status.name}-{hashlib.sha256(authority.encode()).hexdigest()[:12]}",
        "kubeconfig": kubeconfig,
        "gatewayAddress": str(status.load_balancer_pool[0]),
    }
