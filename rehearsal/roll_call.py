"""Asks every plugin of a PULUMI_HOME whether it is a simulator, before the engine may use any of them."""

import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import grpc
from google.protobuf import empty_pb2

from rehearsal.simulated import BUILD_METADATA
from rehearsal.world import RehearsalError
from toolchain.provider.messages import provider_pb2_grpc

_ANSWER_LIMIT_S: Final = 30.0
"""A plugin's start on a busy machine; it answers within a second on an idle one."""


def require_simulators(home: Path, environment: Mapping[str, str]) -> list[str]:
    """Give the names and versions of a home's resource plugins, if all of them are simulators.

    Args:
        home: the PULUMI_HOME.
        environment: the whole environment in which plugins run.

    Raises:
        RehearsalError: one isn't, or doesn't answer.
    """
    plugins = sorted((home / "plugins").glob("resource-*/pulumi-resource-*"))
    with ExitStack() as running:
        # All at once, and before the first call: gRPC's threads and a fork don't go together.
        processes = [running.enter_context(_started(plugin, environment)) for plugin in plugins]
        try:
            versions = [_version(plugin, process) for plugin, process in zip(plugins, processes, strict=True)]
        finally:
            for process in processes:
                process.terminate()
    for plugin, version in zip(plugins, versions, strict=True):
        if version.partition("+")[2] != BUILD_METADATA:
            raise RehearsalError(
                f"{plugin} says that it is {version or 'of no version'}, which is no simulator: a rehearsal runs with "
                f"simulators only; remove {plugin.parent}"
            )
    names = [plugin.name.removeprefix("pulumi-resource-") for plugin in plugins]
    return [f"{name} {version}" for name, version in zip(names, versions, strict=True)]


def _started(plugin: Path, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start a plugin as the engine does."""
    return subprocess.Popen([plugin], env=dict(environment), stdout=subprocess.PIPE, text=True)


def _version(plugin: Path, process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None  # noqa: S101 - asked for above
    port = process.stdout.readline().strip()
    if not port:
        raise RehearsalError(f"{plugin} ends before it says what it is, with status {process.wait()}")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            return stub.GetPluginInfo(empty_pb2.Empty(), timeout=_ANSWER_LIMIT_S).version
        except grpc.RpcError as error:
            raise RehearsalError(f"{plugin} doesn't say what it is: {error}") from error
