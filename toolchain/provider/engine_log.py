"""Messages to the engine: diagnostics, and the passing status in a resource's row of the progress display."""

import sys
from typing import Final

import grpc
import grpc.aio

from toolchain.provider.interface import Severity
from toolchain.provider.messages import engine_pb2, engine_pb2_grpc

MESSAGE_LIMIT_BYTES: Final = 400 << 20
"""The engine's own limit: a big stack's CustomResourceDefinitions pass gRPC's default of 4 MiB."""
CHANNEL_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
]


class EngineLog:
    """The engine's log, once its address is known; before that messages go to stderr."""

    def __init__(self, address: str | None) -> None:
        self._channel: grpc.aio.Channel | None = None
        self._stub: engine_pb2_grpc.EngineStub | None = None
        if address:
            self.connect(address)

    def connect(self, address: str) -> None:
        """Send further messages to the engine at this address."""
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = engine_pb2_grpc.EngineStub(self._channel)

    @property
    def connected(self) -> bool:
        """Whether an engine is known."""
        return self._stub is not None

    async def send(self, severity: Severity, message: str, urn: str, ephemeral: bool) -> None:
        """Send one message. An engine that is gone is no error: the server notices that by itself."""
        if self._stub is None:
            print(f"{severity.name.lower()}: {message}", file=sys.stderr, flush=True)  # noqa: T201
            return
        request = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value(severity.name),
            message=message,
            urn=urn,
            ephemeral=ephemeral,
        )
        try:
            await self._stub.Log(request)
        except grpc.aio.AioRpcError:
            return

    async def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            await self._channel.close()
