"""The Kubernetes plugin of a rehearsal whose clusters are real API servers: our own plugin, led to the right one.

A program's kubeconfig names a server that no cloud has, and a login that nobody answers. What is behind its
`clusterIdentifier` is looked up in the account, and asked as its administrator. A private server is asked for by its
own name through the proxy that `HTTPS_PROXY` names, as a client of the cloud would: without a tunnel that leads to it
there is no way, and one that leads to another cluster is found out by its certificate.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from rehearsal import guard
from rehearsal.api_server import is_private
from rehearsal.clusters.control_plane import ControlPlane
from rehearsal.clusters.managed_cluster import find_cluster
from rehearsal.remembering import world
from rehearsal.sdk_index import sdk_version
from rehearsal.simulated import BUILD_METADATA, MARK
from toolchain.kubernetes_provider.configuration import Configuration
from toolchain.kubernetes_provider.kubeconfig import Connection
from toolchain.kubernetes_provider.provider import KubernetesProvider
from toolchain.provider.interface import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DiffRequest,
    DiffResult,
    InitializationFailedError,
    ProviderError,
    ReadRequest,
    ReadResult,
    UpdateRequest,
)


class RehearsedKubernetes(KubernetesProvider):
    """`toolchain.kubernetes_provider` against the API servers of a rehearsal's clusters."""

    def __init__(self) -> None:
        super().__init__(f"{sdk_version('pulumi_kubernetes')}+{BUILD_METADATA}")
        self._refusal = guard.refusal()

    def schema(self) -> Mapping[str, Any]:
        """Say what this is."""
        return {**super().schema(), "description": "A simulated cluster: its API server is real, its nodes are not"}

    async def check_config(self, request: CheckRequest, context: Context) -> CheckResult:
        """Refuse to work outside of a rehearsal."""
        if self._refusal is not None:
            return CheckResult(request.news, [CheckFailure("", self._refusal)])
        return await super().check_config(request, context)

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Find the cluster, and start its API server unless it runs."""
        if self._refusal is not None:
            raise ProviderError(self._refusal)
        await super().configure(config, context)

    async def connection(self, configuration: Configuration) -> Connection:
        """Give the connection to the API server behind a cluster's identifier.

        A cluster that the account doesn't have, or that is private, is as far away as its name says.
        """
        # What the kubeconfig says of the user is for a cloud's login.
        told = replace(await super().connection(configuration), exec_plugin=None)
        folder = world()
        cluster = find_cluster(folder / "account.sqlite", configuration.cluster_identifier or "")
        if cluster is None:
            return told
        plane = ControlPlane(folder, cluster)
        await asyncio.to_thread(plane.start, str(urlsplit(told.server).hostname))
        own = plane.connection()
        if not is_private(cluster.resource):
            return own
        return replace(own, server=told.server, context=told.context, proxy_url=os.environ.get("HTTPS_PROXY"))

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Tell what an update would change."""
        return await super().diff(replace(request, old_outputs=_live(request.old_outputs)), context)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Apply a new object."""
        try:
            made = await super().create(request, context)
        except InitializationFailedError as error:
            error.outputs = _simulated(error.outputs)
            raise
        return CreateResult(made.id, _simulated(made.outputs))

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Apply changed inputs."""
        try:
            return _simulated(await super().update(replace(request, old_outputs=_live(request.old_outputs)), context))
        except InitializationFailedError as error:
            error.outputs = _simulated(error.outputs)
            raise

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read the live object."""
        found = await super().read(replace(request, outputs=_live(request.outputs)), context)
        return found if found.id is None else replace(found, outputs=_simulated(found.outputs or {}))


def _simulated(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Say of an object that it isn't in any real cluster."""
    return {**outputs, MARK: True}


def _live(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the object itself, without what was said of it."""
    return {key: value for key, value in outputs.items() if key != MARK}
