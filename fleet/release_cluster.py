"""What a region's Kubernetes says of a release: pods, restarts, GPUs; and its Prometheus, through the API server."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from fleet import console
from fleet.engine import Engine
from fleet.release_pods import crashes, ends, restarts, troubles
from fleet.tunnel import TunnelError, TunnelRecords
from fleet.tunnel.reach import tunnel_of
from infra.clouds.names import NAMESPACE, PROMETHEUS
from release.errors import RegionError
from release.gate.check import ClusterState, PodTrouble, Workload
from toolchain.kubernetes_provider.api_client import ApiClient
from toolchain.kubernetes_provider.kubeconfig import Connection, load
from toolchain.provider.interface import ProviderError

T = TypeVar("T")

_SERVES: Final = f"app.kubernetes.io/name!={PROMETHEUS}"
"""What a release is judged by. Prometheus is no part of one: without it the gate has its own requests left."""
_PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
_REPLICA_SETS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
_REVISION: Final = "deployment.kubernetes.io/revision"
_GPU: Final = "nvidia.com/gpu"


@dataclass(frozen=True)
class BeforeUpdate:
    """What an update finds, so that only what comes after is laid at its door.

    Attributes:
        revisions: Newest revision of each Deployment's template, by the Deployment's uid.
        restarts: Restarts so far, by container (`pod/container`).
    """

    revisions: Mapping[str, int]
    restarts: Mapping[str, int]


@dataclass(frozen=True)
class RegionCluster:
    """One region's Kubernetes.

    Attributes:
        connection: Its API server.
    """

    connection: Connection

    def state(self) -> ClusterState:
        """Read what the gate judges.

        Raises:
            RegionError: the API server gives no answer.
        """

        async def read(client: ApiClient) -> ClusterState:
            deployments, pods, nodes = await asyncio.gather(
                client.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", labelSelector=_SERVES),
                client.get(_PODS, labelSelector=_SERVES),
                client.get("/api/v1/nodes"),
            )
            capacity = {node["metadata"]["name"]: _gpus(node) for node in nodes["items"]}
            return ClusterState(
                workloads=tuple(_workload(each) for each in deployments["items"]),
                restarts=_of_all(restarts, pods["items"]),
                ends=_of_all(ends, pods["items"]),
                troubles=tuple(trouble for pod in pods["items"] for trouble in troubles(pod)),
                lost_gpus={name: has - offers for name, (has, offers) in capacity.items() if has > offers},
                gpus=sum(has for has, _ in capacity.values()),
            )

        return self._asked(read)

    def before_update(self) -> "BeforeUpdate":
        """Read what an update is about to find.

        Raises:
            RegionError: the API server gives no answer.
        """

        async def read(client: ApiClient) -> BeforeUpdate:
            replica_sets, pods = await asyncio.gather(client.get(_REPLICA_SETS), client.get(_PODS))
            newest = {owner: revision for owner, (revision, _) in _newest(replica_sets["items"]).items()}
            return BeforeUpdate(newest, _of_all(restarts, pods["items"]))

        return self._asked(read)

    def troubles_since(self, before: "BeforeUpdate") -> Sequence[PodTrouble]:
        """Give what keeps pods of templates that came with an update from running, or from going on.

        Until an update has changed a Deployment, its pods are those of the release before, which may be the bad one
        that is being taken back. Going back to a template gives its replica set a new revision; pods of it that have
        stayed have restarts of their own from before.

        Raises:
            RegionError: the API server gives no answer.
        """

        async def read(client: ApiClient) -> Sequence[PodTrouble]:
            replica_sets, pods = await asyncio.gather(client.get(_REPLICA_SETS), client.get(_PODS))
            newer = newer_than(before.revisions, replica_sets["items"])
            return [
                trouble
                for pod in pods["items"]
                if any(owner["uid"] in newer for owner in pod["metadata"].get("ownerReferences") or ())
                for trouble in (*troubles(pod), *crashes(pod, before.restarts))
            ]

        return self._asked(read)

    def youngest_pod(self) -> datetime:
        """Give when the last pod that serves was started: from then on only the newest release answers.

        Raises:
            RegionError: the API server gives no answer, or there is no pod.
        """

        async def read(client: ApiClient) -> Mapping[str, Any]:
            return await client.get(_PODS, labelSelector=_SERVES)

        started = [
            datetime.fromisoformat(pod["status"]["startTime"])
            for pod in self._asked(read)["items"]
            if pod["status"].get("startTime")
        ]
        if not started:
            raise RegionError(f"no pod runs in namespace {NAMESPACE}")
        return max(started)

    def prometheus(self, service: str) -> Callable[[str, Mapping[str, str]], Mapping[str, Any]]:
        """Give the way to a Prometheus inside of the cluster, by the API server's proxy.

        Args:
            service: Its `namespace/name:port`, as the stack's output `prometheus` has it.
        """
        namespace, _, name = service.partition("/")

        def ask(endpoint: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
            async def read(client: ApiClient) -> Mapping[str, Any]:
                path = f"/api/v1/namespaces/{namespace}/services/http:{name}/proxy/api/v1/{endpoint}"
                return await client.get(path, **parameters)

            return self._asked(read)

        return ask

    def _asked(self, read: Callable[[ApiClient], Awaitable[T]]) -> T:
        async def once() -> T:
            client = ApiClient(self.connection)
            try:
                return await read(client)
            finally:
                await client.close()

        try:
            return asyncio.run(once())
        except ProviderError as error:
            raise RegionError(f"the cluster doesn't say how it is: {error}") from error


@contextmanager
def region_cluster(engine: Engine, stack: str, outputs: Mapping[str, Any]) -> Generator[RegionCluster]:
    """Give a stack's cluster, through a tunnel for the while where its API server is private.

    Raises:
        RegionError: there is no way to it.
    """
    try:
        connection = load(str(outputs["kubeconfig"]))
        tunnel = tunnel_of(engine, stack, TunnelRecords(), console.note)
        if tunnel is None or (tunnel.lent() is None and tunnel.server.answers_directly()):
            yield RegionCluster(connection)
            return
        with tunnel.opened() as environment:
            yield RegionCluster(replace(connection, proxy_url=environment["HTTPS_PROXY"]))
    except (KeyError, TunnelError, ProviderError) as error:
        raise RegionError(f"stack {stack}'s cluster can't be reached: {error}") from error


def _of_all(read: Callable[[Mapping[str, Any]], Mapping[str, T]], pods: Iterable[Mapping[str, Any]]) -> Mapping[str, T]:
    """Join what is read of each pod; names of pods are in its keys."""
    return {name: value for pod in pods for name, value in read(pod).items()}


def _workload(deployment: Mapping[str, Any]) -> Workload:
    status = deployment.get("status") or {}
    wanted = deployment["spec"].get("replicas", 1)
    ready = min(status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    current = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return Workload(deployment["metadata"]["name"], wanted, ready, current)


def _gpus(node: Mapping[str, Any]) -> tuple[int, int]:
    status = node.get("status") or {}
    return (
        int((status.get("capacity") or {}).get(_GPU, 0)),
        int((status.get("allocatable") or {}).get(_GPU, 0)),
    )


def newer_than(revisions: Mapping[str, int], replica_sets: Sequence[Mapping[str, Any]]) -> set[str]:
    """Give the uids of replica sets that have their Deployment's newest template, if it came after some revisions."""
    newest = _newest(replica_sets)
    return {uid for owner, (revision, uid) in newest.items() if revision > revisions.get(owner, -1)}


def _newest(replica_sets: Sequence[Mapping[str, Any]]) -> Mapping[str, tuple[int, str]]:
    """Give each Deployment's newest revision and its replica set's uid, by the Deployment's uid."""
    newest: dict[str, tuple[int, str]] = {}
    for each in replica_sets:
        metadata = each["metadata"]
        revision = int((metadata.get("annotations") or {}).get(_REVISION, 0))
        for owner in metadata.get("ownerReferences") or ():
            newest[owner["uid"]] = max(newest.get(owner["uid"], (-1, "")), (revision, metadata["uid"]))
    return newest
