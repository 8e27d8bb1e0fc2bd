"""What the controllers see: live copies of the cluster's objects, and the cluster as its account holds it."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx

from rehearsal.clusters.managed_cluster import ManagedCluster, find_cluster
from rehearsal.clusters.pools import NodePool, node_pools
from toolchain.cluster.object_cache import ObjectCache

_LOOK_S: Final = 0.2
"""How often the accounts' file is asked whether somebody has written to it: two system calls."""


class ClusterView:
    """The objects that controllers follow.

    Args:
        http: a client of the API server.
        memory: the rehearsal's accounts.
        identifier: the cluster.
    """

    def __init__(self, http: httpx.AsyncClient, memory: Path, identifier: str) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._memory, self._identifier = memory, identifier
        self.cluster: ManagedCluster | None = None
        self.pools: list[NodePool] = []
        self.nodes = self._cache(http, "nodes")
        self.pods = self._cache(http, "pods")
        self.services = self._cache(http, "services")
        self.claims = self._cache(http, "persistentvolumeclaims")
        self.volumes = self._cache(http, "persistentvolumes")

    def tell(self, listener: Callable[[], None], kinds: Iterable[str]) -> None:
        """Have a listener called after each change of some kinds; `account` is the account."""
        for kind in kinds:
            self._listeners.setdefault(kind, []).append(listener)

    def caches(self) -> tuple[ObjectCache, ...]:
        """Give everything that has to be kept up to date."""
        return self.nodes, self.pods, self.services, self.claims, self.volumes

    async def follow_account(self) -> None:
        """Keep the cluster and its pools as the account holds them, until the account has no such cluster any more."""
        version = None
        with closing(sqlite3.connect(self._memory)) as database:
            while True:
                seen = database.execute("PRAGMA data_version").fetchone()[0]
                if seen != version:
                    version = seen
                    found = find_cluster(self._memory, self._identifier)
                    if found is None:
                        return
                    self._take(found)
                await asyncio.sleep(_LOOK_S)

    def _take(self, found: ManagedCluster) -> None:
        pools = node_pools(self._memory, found)
        if found != self.cluster or pools != self.pools:
            self.cluster, self.pools = found, pools
            self._changed("account")

    def _cache(self, http: httpx.AsyncClient, kind: str) -> ObjectCache:
        return ObjectCache(http, f"/api/v1/{kind}", lambda: self._changed(kind))

    def _changed(self, kind: str) -> None:
        for listener in self._listeners.get(kind, ()):
            listener()
