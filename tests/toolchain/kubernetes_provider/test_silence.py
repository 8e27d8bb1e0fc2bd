"""An API server that takes connections and never answers, as one whose machine is gone: waits end before long."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from toolchain.kubernetes_provider import following, kubeconfig, waiting
from toolchain.kubernetes_provider.api_client import ApiClient
from toolchain.kubernetes_provider.discovery import Kind
from toolchain.kubernetes_provider.manifest import ObjectId
from toolchain.provider.interface import Context, ProviderError, Severity

DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", namespaced=True)
SERVER = ObjectId("default", "server")
LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "server",
        "namespace": "default",
        "generation": 2,
        "resourceVersion": "7",
        "uid": "a",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": {"replicas": 1},
    "status": {"observedGeneration": 1},
}


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiClient]:
    monkeypatch.setattr(following, "BEAT_INTERVAL_S", 0.05)
    monkeypatch.setattr(following, "ANSWER_LIMIT_S", 0.2)
    monkeypatch.setattr(waiting, "LOOK_INTERVAL_S", 0.05)
    monkeypatch.setattr(waiting, "SILENCE_LIMIT_S", 0.5)
    ended = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{address[1]}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    made = ApiClient(kubeconfig.load(json.dumps(content)))
    try:
        yield made
    finally:
        ended.set()
        await made.close()
        server.close()


@pytest.fixture
def context() -> Context:
    async def send(severity: Severity, message: str, urn: str, ephemeral: bool) -> None:
        del severity, message, urn, ephemeral

    return Context("", asyncio.Event(), send)


async def test_a_wait_for_readiness_ends_and_says_so(client: ApiClient, context: Context) -> None:
    outcome = await asyncio.wait_for(
        waiting.until_ready(client, DEPLOYMENT, SERVER, LIVE, timeout_s=600, context=context), timeout=20
    )
    (reason,) = outcome.reasons
    assert "the API server has been silent for" in reason
    assert "has not answered for" in reason


async def test_a_wait_for_the_end_ends_and_says_so(client: ApiClient, context: Context) -> None:
    gone = waiting.until_gone(client, DEPLOYMENT, SERVER, LIVE, timeout_s=600, context=context)
    with pytest.raises(ProviderError, match=r"the API server has been silent for .* has not answered for"):
        await asyncio.wait_for(gone, timeout=20)
