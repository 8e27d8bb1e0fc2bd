"""Runs a resource plugin: the gRPC service that the engine talks to, for as long as the engine lives."""

import asyncio
import gc
import os
import signal
import sys
from typing import Final

import grpc.aio

from toolchain.provider.engine_log import CHANNEL_OPTIONS, EngineLog
from toolchain.provider.interface import ResourceProvider
from toolchain.provider.messages import provider_pb2_grpc
from toolchain.provider.servicer import Servicer

PARENT_CHECK_INTERVAL_S: Final = 1.0
"""How soon a plugin notices that its engine was killed. A death signal from the kernel would be sooner, but
it fires when the thread that started us ends, and a Go program ends threads as it likes."""
SHUTDOWN_GRACE_S: Final = 5.0
"""How long running operations may take to store what they did once we are told to stop."""


def serve(provider: ResourceProvider) -> None:
    """Run the plugin: print its port, then answer until the engine goes away or SIGTERM or SIGINT comes.

    The first signal lets running operations store what they did; a second ends the process at once.
    """
    asyncio.run(_serve(provider))
    gc.freeze()  # or the interpreter looks for cycles among all modules before it ends, while the engine waits


async def _serve(provider: ResourceProvider) -> None:
    parent = os.getppid()
    log = EngineLog(sys.argv[1] if len(sys.argv) > 1 else None)
    servicer = Servicer(provider, log)
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ended = asyncio.Event()
    _install_signals(servicer.cancelled, ended)
    print(port, flush=True)  # noqa: T201 - the first line on stdout is how the engine finds us
    started = asyncio.create_task(provider.started())
    try:
        while not ended.is_set() and os.getppid() == parent:
            try:
                await asyncio.wait_for(ended.wait(), PARENT_CHECK_INTERVAL_S)
            except TimeoutError:
                continue
    finally:
        servicer.cancelled.set()
        started.cancel()
        orphaned = os.getppid() != parent
        await server.stop(0 if orphaned else SHUTDOWN_GRACE_S)
        await provider.close()
        await log.close()


def _install_signals(cancelled: asyncio.Event, ended: asyncio.Event) -> None:
    def stop(number: int) -> None:
        if ended.is_set():
            os._exit(128 + number)
        cancelled.set()
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
