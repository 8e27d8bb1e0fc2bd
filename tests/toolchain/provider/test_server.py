import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import any_pb2, empty_pb2

from toolchain.provider.engine_log import CHANNEL_OPTIONS, EngineLog
from toolchain.provider.interface import (
    Change,
    CheckFailure,
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    InitializationFailedError,
    ProviderError,
    ReadRequest,
    ReadResult,
    ResourceProvider,
    Severity,
    UnavailableError,
    UpdateRequest,
)
from toolchain.provider.messages import (
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from toolchain.provider.properties import UNKNOWN, Secret, decode, encode
from toolchain.provider.servicer import Servicer

ROOT = Path(__file__).parents[3]
URN = "urn:pulumi:test::project::parent:Type$echo:index:Thing::my::name"
LIMIT_S = 30.0
PLUGIN = """
from toolchain.provider.interface import CheckResult, ResourceProvider
from toolchain.provider.server import serve

class Echo(ResourceProvider):
    name, version = "echo", "1.2.3"
    async def check(self, request, context):
        return CheckResult(request.news)
    diff = create = read = update = delete = check

serve(Echo())
"""


class Echo(ResourceProvider):
    """Answers with what it was asked, or raises what the inputs name."""

    name = "echo"
    version = "1.2.3"

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        await context.log(Severity.WARNING, f"checking {request.name}")
        if "bad" in request.news:
            return CheckResult(request.news, [CheckFailure("bad", "is bad")])
        return CheckResult({**request.news, "type": request.type, "first": request.olds is None})

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        del context
        detailed = {"spec.a[0]": Change.UPDATE_REPLACE} if request.news != request.old_inputs else {}
        return DiffResult(changes=bool(detailed), replaces=list(detailed), detailed=detailed)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        match request.inputs.get("raise"):
            case "partial":
                raise InitializationFailedError(id="i", outputs={"s": Secret("x")}, reasons=["a", "b"])
            case "unavailable":
                raise UnavailableError("nobody there")
            case "provider":
                raise ProviderError("do it otherwise")
            case "defect":
                raise KeyError("oops")
            case "wait":
                await context.status("waiting")
                await context.cancelled.wait()
                raise InitializationFailedError(id="i", outputs={}, reasons=["cancelled"])
        return CreateResult("i", request.inputs)

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        del context
        return ReadResult(None) if request.id == "gone" else ReadResult(request.id, {}, {"big": "x" * (8 << 20)})

    async def update(self, request: UpdateRequest, context: Context) -> dict[str, Any]:
        del context
        return request.news

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        del request, context


class FakeEngine(engine_pb2_grpc.EngineServicer):
    def __init__(self) -> None:
        self.logged: list[tuple[str, bool]] = []
        self.told = asyncio.Event()

    async def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        del context
        self.logged.append((request.message, request.ephemeral))
        self.told.set()
        return empty_pb2.Empty()


@pytest.fixture
async def plugin() -> Any:
    """A plugin in this process, a stub to call it, and what its engine was told."""
    engine, engine_server = FakeEngine(), grpc.aio.server()
    engine_pb2_grpc.add_EngineServicer_to_server(engine, engine_server)
    engine_port = engine_server.add_insecure_port("127.0.0.1:0")
    await engine_server.start()
    log = EngineLog(f"127.0.0.1:{engine_port}")
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(Echo(), log), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel), engine
    await server.stop(None)
    await log.close()
    await engine_server.stop(None)


def create(inputs: dict[str, Any]) -> Any:
    return provider_pb2.CreateRequest(urn=URN, properties=encode(inputs))


async def test_check_gives_inputs_type_and_name(plugin: Any) -> None:
    stub, engine = plugin
    answer = await stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"a": Secret(UNKNOWN)})))
    assert decode(answer.inputs) == {"a": Secret(UNKNOWN), "type": "echo:index:Thing", "first": True}
    assert engine.logged == [("checking my::name", False)]
    answer = await stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"bad": 1})))
    assert [(each.property, each.reason) for each in answer.failures] == [("bad", "is bad")]


async def test_diff_reports_paths(plugin: Any) -> None:
    stub, _ = plugin
    request = provider_pb2.DiffRequest(urn=URN, old_inputs=encode({"a": 1}), news=encode({"a": 2}))
    answer = await stub.Diff(request)
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.replaces) == ["spec.a[0]"]
    assert list(answer.diffs) == ["spec"]
    assert answer.detailedDiff["spec.a[0]"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    request = provider_pb2.DiffRequest(urn=URN, old_inputs=encode({"a": 1}), news=encode({"a": 1}))
    assert (await stub.Diff(request)).changes == provider_pb2.DiffResponse.DIFF_NONE


async def test_a_partial_failure_carries_the_live_state(plugin: Any) -> None:
    stub, _ = plugin
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Create(create({"raise": "partial"}))
    trailers: dict[str, Any] = dict(caught.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    unpacked = any_pb2.Any.FromString(status.details[0].SerializeToString())
    assert unpacked.Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("i", ["a", "b"])
    assert decode(detail.properties) == {"s": Secret("x")}


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("unavailable", grpc.StatusCode.UNAVAILABLE, "nobody there"),
        ("provider", grpc.StatusCode.FAILED_PRECONDITION, "do it otherwise"),
        ("defect", grpc.StatusCode.INTERNAL, "defect in the plugin: KeyError at"),
    ],
)
async def test_errors_have_a_status_and_their_text(plugin: Any, kind: str, code: Any, text: str) -> None:
    stub, _ = plugin
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Create(create({"raise": kind}))
    assert caught.value.code() == code
    assert (caught.value.details() or "").startswith(text)


async def test_cancel_ends_a_wait_and_keeps_the_resource(plugin: Any) -> None:
    stub, engine = plugin
    waiting = asyncio.ensure_future(stub.Create(create({"raise": "wait"})))
    async with asyncio.timeout(LIMIT_S):
        await engine.told.wait()
        assert engine.logged == [("waiting", True)]
        await stub.Cancel(empty_pb2.Empty())
        with pytest.raises(grpc.aio.AioRpcError, match="cancelled"):
            await waiting


async def test_big_answers_and_missing_resources(plugin: Any) -> None:
    stub, _ = plugin
    answer = await stub.Read(provider_pb2.ReadRequest(urn=URN, id="here"))
    assert len(decode(answer.properties)["big"]) == 8 << 20
    assert (await stub.Read(provider_pb2.ReadRequest(urn=URN, id="gone"))).id == ""
    assert json.loads((await stub.GetSchema(provider_pb2.GetSchemaRequest())).schema)["name"] == "echo"


@contextmanager
def process(*arguments: str) -> Generator[subprocess.Popen[str], None, None]:
    started = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_traceback(number: signal.Signals) -> None:
    with process("-c", PLUGIN) as plugin_process:
        assert plugin_process.stdout is not None
        assert int(plugin_process.stdout.readline()) > 0
        plugin_process.send_signal(number)
        _, errors = plugin_process.communicate(timeout=LIMIT_S)
        assert (plugin_process.returncode, errors) == (0, "")


def test_it_ends_when_the_engine_was_killed() -> None:
    engine = (
        "import subprocess, sys\n"
        f"plugin = subprocess.Popen([sys.executable, '-c', {PLUGIN!r}], stdout=subprocess.PIPE, text=True)\n"
        "plugin.stdout.readline()\n"
        "print(plugin.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with process("-c", engine) as engine_process:
        assert engine_process.stdout is not None
        pid = int(engine_process.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        engine_process.kill()
        deadline = time.monotonic() + LIMIT_S
        while _alive(pid):
            assert time.monotonic() < deadline, "the plugin outlived its engine"
            time.sleep(0.05)  # between two looks at a condition with a deadline


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_starts_without_the_sdk() -> None:
    program = (
        "import sys, toolchain.kubernetes_provider.__main__\n"
        "print([name for name in ('pulumi', 'yaml', 'httpx', 'pulumi_kubernetes') if name in sys.modules])"
    )
    with process("-c", program) as started:
        assert started.communicate(timeout=LIMIT_S)[0].strip() == "[]"


def test_the_sdk_still_works_in_the_same_process() -> None:
    program = (
        "from toolchain.provider.messages import provider_pb2\n"
        "import pulumi\n"
        "from pulumi.runtime import proto\n"
        "print(proto.CheckRequest(urn='u') == provider_pb2.CheckRequest(urn='u'))"
    )
    with process("-c", program) as started:
        assert started.communicate(timeout=LIMIT_S)[0].strip() == "True"
