"""Starts the language host: prints the port, then serves until the engine goes away."""

import asyncio
import os
import signal
import sys
from typing import Final

import grpc.aio

from toolchain.language_host.host import LanguageHost
from toolchain.language_host.messages import language_pb2_grpc

_MESSAGE_LIMIT_BYTES: Final = 400 << 20
_PARENT_CHECK_INTERVAL_S: Final = 1.0
_GRACE_S: Final = 5.0


def main() -> None:
    """Serve one engine; its address is the first argument that is no option."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    asyncio.run(_serve(addresses[0] if addresses else ""))


async def _serve(engine: str) -> None:
    parent = os.getppid()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    options = [
        ("grpc.max_receive_message_length", _MESSAGE_LIMIT_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_LIMIT_BYTES),
    ]
    server = grpc.aio.server(options=options)
    host = LanguageHost(engine)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)  # noqa: T201 - the first line on stdout is how the engine finds us
    while not ended.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(ended.wait(), _PARENT_CHECK_INTERVAL_S)
        except TimeoutError:
            continue
    await host.stop()
    await server.stop(0 if os.getppid() != parent else _GRACE_S)


if __name__ == "__main__":
    main()
