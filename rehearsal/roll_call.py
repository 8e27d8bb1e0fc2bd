"""Asks every plugin of a PULUMI_HOME whether it is a simulator, before the engine may use any of them."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc.aio
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
    return asyncio.run(_ask_all(plugins, environment))


async def _ask_all(plugins: list[Path], environment: Mapping[str, str]) -> list[str]:
    versions = await asyncio.gather(*(_ask(plugin, environment) for plugin in plugins))
    for plugin, version in zip(plugins, versions, strict=True):
        if version.partition("+")[2] != BUILD_METADATA:
            raise RehearsalError(
                f"{plugin} says that it is {version or 'of no version'}, which is no simulator: a rehearsal runs with "
                f"simulators only; remove {plugin.parent}"
            )
    return [
        f"{plugin.name.removeprefix('pulumi-resource-')} {version}"
        for plugin, version in zip(plugins, versions, strict=True)
    ]


async def _ask(plugin: Path, environment: Mapping[str, str]) -> str:
    """Start one plugin as the engine does, ask for its version, and end it."""
    process = await asyncio.create_subprocess_exec(
        plugin, env={**environment, "PATH": environment.get("PATH", os.defpath)}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(_ANSWER_LIMIT_S):
            port = (await process.stdout.readline()).decode().strip()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                info = await provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty())
                return info.version
    except (TimeoutError, grpc.aio.AioRpcError) as error:
        raise RehearsalError(f"{plugin} doesn't say what it is: {error}") from error
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
