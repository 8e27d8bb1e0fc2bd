"""The cluster's own controllers, one process of the node: load balancer addresses, network policies, volumes, GPUs.

Each keeps a live copy of what it looks at and, after every change, makes the world what the copy says it should be.
None has a memory of its own, so that killing and restarting the process loses nothing.
"""

import argparse
import asyncio
import logging
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import httpx

from toolchain.cluster.api_client import FIELD_MANAGER, tls_context
from toolchain.cluster.load_balancer import ServiceAddress, assign, status_patch
from toolchain.cluster.local_storage import LocalStorage
from toolchain.cluster.network_policy import ruleset
from toolchain.cluster.object_cache import ObjectCache
from toolchain.cluster.policy_objects import Namespace, NetworkPolicy, Pod
from toolchain.cluster.reconciler import Reconciler
from toolchain.cluster.spec import GPU_RESOURCE, POD_CIDR

_log = logging.getLogger("node-controllers")

_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line."""

    server: str
    pki: Path
    node: str
    pool: IPv4Network
    volumes: Path
    simulated_gpus: int


class LoadBalancers:
    """Keeps the Services' addresses."""

    def __init__(self, http: httpx.AsyncClient, pool: IPv4Network) -> None:
        self._http = http
        self._pool = pool
        self.reconciler = Reconciler("load balancer", self._reconcile)
        self.services = ObjectCache(http, "/api/v1/services", self.reconciler.changed)

    async def _reconcile(self) -> None:
        for change in assign((ServiceAddress.of(service) for service in self.services), self._pool):
            if change.problem:
                _log.warning("service %s/%s gets no address: %s", change.namespace, change.name, change.problem)
            path = f"/api/v1/namespaces/{change.namespace}/services/{change.name}/status"
            answer = await self._http.patch(
                path,
                params={"fieldManager": FIELD_MANAGER},
                json=status_patch(change.address),
                headers=_MERGE_PATCH,
            )
            if answer.status_code != httpx.codes.NOT_FOUND:
                answer.raise_for_status()
            _log.info("service %s/%s: %s", change.namespace, change.name, change.address or "no address")


class NetworkPolicies:
    """Keeps the kernel's table equal to the policies."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.reconciler = Reconciler("network policies", self._reconcile)
        changed = self.reconciler.changed
        self.pods = ObjectCache(http, "/api/v1/pods", changed)
        self.namespaces = ObjectCache(http, "/api/v1/namespaces", changed)
        self.policies = ObjectCache(http, "/apis/networking.k8s.io/v1/networkpolicies", changed)
        self._applied = ""

    async def _reconcile(self) -> None:
        if not (self.pods.listed and self.namespaces.listed and self.policies.listed):
            return  # what the last process left in the kernel holds until everything is known
        rules = ruleset(
            [pod for item in self.pods if (pod := Pod.of(item)) is not None],
            [Namespace.of(item) for item in self.namespaces],
            [NetworkPolicy.of(item) for item in self.policies],
            POD_CIDR,
        )
        if rules == self._applied:
            return
        process = await asyncio.create_subprocess_exec(
            "nft",
            "-f",
            "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate(rules.encode())
        if process.returncode != 0:
            raise RuntimeError(f"nft refused the table of network policies: {said.decode(errors='replace')}\n{rules}")
        self._applied = rules


class Volumes:
    """Keeps a volume for every claim of the default StorageClass."""

    def __init__(self, http: httpx.AsyncClient, storage: LocalStorage) -> None:
        self._http = http
        self._storage = storage
        self.reconciler = Reconciler("local storage", self._reconcile)
        changed = self.reconciler.changed
        self.claims = ObjectCache(http, "/api/v1/persistentvolumeclaims", changed)
        self.volumes = ObjectCache(http, "/api/v1/persistentvolumes", changed)

    async def _reconcile(self) -> None:
        if not (self.claims.listed and self.volumes.listed):
            return
        existing = {volume["metadata"]["name"] for volume in self.volumes}
        for claim in self.claims:
            volume = self._storage.volume_for(claim)
            if volume is not None and volume["metadata"]["name"] not in existing:
                answer = await self._http.post(
                    "/api/v1/persistentvolumes", params={"fieldManager": FIELD_MANAGER}, json=volume
                )
                if answer.status_code != httpx.codes.CONFLICT:
                    answer.raise_for_status()
        for volume in self.volumes:
            if self._storage.reclaim(volume):
                answer = await self._http.delete(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
                if answer.status_code != httpx.codes.NOT_FOUND:
                    answer.raise_for_status()


class SimulatedGpus:
    """Keeps the node's pretended GPUs; the kubelet leaves a resource alone that no device plugin of it offers."""

    def __init__(self, http: httpx.AsyncClient, node: str, count: int) -> None:
        self._http = http
        self._path = f"/api/v1/nodes/{node}"
        self._count = count
        self.reconciler = Reconciler("simulated GPUs", self._reconcile)
        self.nodes = ObjectCache(http, "/api/v1/nodes", self.reconciler.changed, field_selector=f"metadata.name={node}")

    async def _reconcile(self) -> None:
        for node in self.nodes:
            capacity: dict[str, Any] = node.get("status", {}).get("capacity", {})
            if int(capacity.get(GPU_RESOURCE, "0")) == self._count:
                continue
            amount = str(self._count) if self._count else None  # null deletes, in a merge patch
            resources = {GPU_RESOURCE: amount}
            answer = await self._http.patch(
                f"{self._path}/status",
                params={"fieldManager": FIELD_MANAGER},
                json={"status": {"capacity": resources, "allocatable": resources}},
                headers=_MERGE_PATCH,
            )
            answer.raise_for_status()


async def run(settings: Settings) -> None:
    """Run every controller for ever."""
    context = tls_context(settings.pki, "node-controllers")
    limits = httpx.Limits(max_connections=None)  # every watch holds one
    async with httpx.AsyncClient(base_url=settings.server, verify=context, trust_env=False, limits=limits) as http:
        balancers = LoadBalancers(http, settings.pool)
        policies = NetworkPolicies(http)
        volumes = Volumes(http, LocalStorage(settings.volumes, settings.node))
        gpus = SimulatedGpus(http, settings.node, settings.simulated_gpus)
        async with asyncio.TaskGroup() as group:
            for controller in (balancers, policies, volumes, gpus):
                group.create_task(controller.reconciler.run())
            for cache in (
                balancers.services,
                policies.pods,
                policies.namespaces,
                policies.policies,
                volumes.claims,
                volumes.volumes,
                gpus.nodes,
            ):
                group.create_task(cache.keep())


def main() -> None:
    """Read the command line and run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--pool", type=IPv4Network, required=True)
    parser.add_argument("--volumes", type=Path, required=True)
    parser.add_argument("--simulated-gpus", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(
        run(
            Settings(
                server=arguments.server,
                pki=arguments.pki,
                node=arguments.node,
                pool=arguments.pool,
                volumes=arguments.volumes,
                simulated_gpus=arguments.simulated_gpus,
            )
        )
    )


if __name__ == "__main__":
    main()
