"""What a cloud adds to one of its clusters: one program beside the API server, until the account has no such cluster.

Started by the cluster's supervisor (`control_plane.py`), inside of the cluster's namespaces.
"""

import argparse
import asyncio
import logging
import os
import signal
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from rehearsal.clusters.cluster_api import ClusterApi
from rehearsal.clusters.managed_cluster import ManagedCluster, find_cluster
from rehearsal.clusters.node_controller import NodeController
from rehearsal.clusters.outside import Outside
from rehearsal.clusters.pod_controller import PodController
from rehearsal.clusters.scaling_controller import ScalingController
from rehearsal.clusters.served_kinds import SERVED_KINDS
from rehearsal.clusters.service_controller import ServiceController
from rehearsal.clusters.view import ClusterView
from rehearsal.clusters.volume_controller import VolumeController
from toolchain.cluster.api_client import tls_context
from toolchain.cluster.object_cache import ObjectCache
from toolchain.cluster.spec import COMPANION_SOCKET
from toolchain.kubernetes_provider.kubeconfig import load

_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SUPERVISOR: Final = 1
_ADMINISTRATOR: Final = "admin"


async def run(memory: Path, cluster: ManagedCluster, kubeconfig: Path) -> None:
    """Run every controller until the account has no such cluster any more.

    Args:
        memory: the rehearsal's accounts.
        cluster: the cluster.
        kubeconfig: its administrator's; the certificates are beside it.
    """
    limits = httpx.Limits(max_connections=None)  # every watch holds one
    context = tls_context(kubeconfig.parent / "pki", _ADMINISTRATOR)
    server = load(str(kubeconfig)).server
    async with httpx.AsyncClient(base_url=server, verify=context, trust_env=False, limits=limits) as http:
        api, view = ClusterApi(http), ClusterView(http, memory, cluster.identifier)
        await _serve_kinds(api, SERVED_KINDS[cluster.resource.type])
        nodes = NodeController(api, view, cluster.region)
        controllers = (
            nodes,
            PodController(api, view),
            ScalingController(api, view, nodes, memory.parent),
            ServiceController(api, view, Outside(memory, cluster, time.monotonic)),
            VolumeController(api, view),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(controller.reconciler.run()) for controller in controllers]
            tasks += [group.create_task(cache.keep()) for cache in view.caches()]
            tasks.append(group.create_task(nodes.keep_alive()))
            await asyncio.start_unix_server(lambda _, writer: writer.close(), COMPANION_SOCKET)  # says: ready
            await view.follow_account()
            for task in tasks:
                task.cancel()


async def _serve_kinds(api: ClusterApi, definitions: Collection[Mapping[str, Any]]) -> None:
    """Define the cloud's kinds, and return when the API server serves them."""
    for definition in definitions:
        await api.create(_DEFINITIONS, definition)
    wanted, served = {definition["metadata"]["name"] for definition in definitions}, asyncio.Event()

    def look() -> None:
        if wanted <= {each["metadata"]["name"] for each in there if _is_established(each)}:
            served.set()

    there = ObjectCache(api.http, _DEFINITIONS, look)
    following = asyncio.create_task(there.keep())
    await served.wait()
    following.cancel()


def _is_established(definition: Mapping[str, Any]) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def main() -> None:
    """Read the command line and run; a cluster that the account doesn't have any more ends with this."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", type=Path, required=True)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    cluster = find_cluster(arguments.memory, arguments.cluster)
    if cluster is not None:
        asyncio.run(run(arguments.memory, cluster, arguments.kubeconfig))
    os.kill(_SUPERVISOR, signal.SIGTERM)


if __name__ == "__main__":
    main()
