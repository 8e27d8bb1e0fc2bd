"""Stands between the engine and a policy pack until the pack can be told which stack it looks at.

A Python policy pack reads the stack's name and configuration from environment variables, which the engine tells by a
call (ConfigureStack) only after the pack has started. So the engine first talks to this proxy; with the first call the
pack is started, its environment filled in, and from then on every call is passed through as bytes.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

import grpc
import grpc.aio

from toolchain.language_host.messages import analyzer_pb2

_SERVICE: Final = "/pulumirpc.Analyzer/"
_MESSAGE_LIMIT_BYTES: Final = 400 << 20
_OPTIONS: Final = [
    ("grpc.max_receive_message_length", _MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_LIMIT_BYTES),
]

StackConfiguration = analyzer_pb2.AnalyzerStackConfigureRequest

_Answer = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


class PolicyProxy(grpc.GenericRpcHandler):
    """One policy pack's front."""

    def __init__(self) -> None:
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self._stack: asyncio.Future[StackConfiguration | None] = asyncio.get_running_loop().create_future()
        self._pack: asyncio.Future[grpc.aio.Channel] = asyncio.get_running_loop().create_future()

    async def start(self) -> int:
        """Listen, and return the port."""
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return port

    async def stack(self) -> StackConfiguration | None:
        """Wait for the engine's first call and return what it says about the stack; None outside of one."""
        return await asyncio.shield(self._stack)

    async def attach(self, port: int) -> None:
        """Pass calls on to the policy pack that listens on this port.

        Raises:
            grpc.aio.AioRpcError: the pack refuses the stack's configuration.
        """
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)
        configuration = await self.stack()
        if configuration is not None:
            try:
                await channel.unary_unary(_SERVICE + "ConfigureStack")(configuration.SerializeToString())
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # as packs of older versions answer
                    self.fail(f"the policy pack refused the stack's configuration: {error.details()}")
                    raise
        self._pack.set_result(channel)

    def fail(self, reason: str) -> None:
        """Answer every call with an error: the policy pack didn't start, or it ended."""
        if not self._pack.done():
            self._pack.set_exception(ConnectionError(reason))
            self._pack.exception()  # looked at, so that nobody complains when no call comes any more

    async def close(self) -> None:
        """Stop listening."""
        self.fail("the policy pack has ended")
        if self._pack.exception() is None:
            await self._pack.result().close()
        await self._server.stop(None)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return what answers a call: gRPC asks for each."""
        method = handler_call_details.method
        answers: dict[str, _Answer] = {
            _SERVICE + "Handshake": self._handshake,
            _SERVICE + "ConfigureStack": self._configure_stack,
        }

        async def forward(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            return await self._forward(method, request, context)

        return grpc.unary_unary_rpc_method_handler(answers.get(method, forward))

    async def _handshake(self, _request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        return analyzer_pb2.AnalyzerHandshakeResponse().SerializeToString()

    async def _configure_stack(self, request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        if not self._stack.done():
            self._stack.set_result(StackConfiguration.FromString(request))
        return analyzer_pb2.AnalyzerStackConfigureResponse().SerializeToString()

    async def _forward(self, method: str, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if not self._stack.done():  # `pulumi policy publish` looks at a pack outside of any stack
            self._stack.set_result(None)
        try:
            channel = await asyncio.shield(self._pack)
            return await channel.unary_unary(method)(request)
        except ConnectionError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "", error.trailing_metadata() or ())
        raise AssertionError


def stack_variables(configuration: StackConfiguration | None) -> dict[str, str]:
    """Return the environment variables that tell a policy pack which stack it looks at."""
    if configuration is None:
        return {}
    variables = {
        "PULUMI_ORGANIZATION": configuration.organization,
        "PULUMI_PROJECT": configuration.project,
        "PULUMI_STACK": configuration.stack,
        "PULUMI_DRY_RUN": "true" if configuration.dry_run else "false",
        "PULUMI_CONFIG": json.dumps(dict(configuration.config)),
    }
    return {name: value for name, value in variables.items() if value}
