"""The engine's protobuf messages, without the Pulumi SDK around them.

`import pulumi` takes most of a second, and a plugin needs none of it: the engine starts every plugin of a
stack before the first resource, so that second would be added to each preview. The generated modules lie
inside the `pulumi` package; they are imported here under bare package objects, which are removed again
afterwards, so that a process which wants the real SDK too (a test, an inline program) still gets it.
"""

import importlib.machinery
import sys
import types
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def _bare_packages() -> Generator[None, None, None]:
    """Let `pulumi.runtime.proto` be found without running the `__init__` of any package above its modules."""
    if "pulumi" in sys.modules:  # the real one is loaded: nothing to save
        yield
        return
    spec = importlib.machinery.PathFinder.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package 'pulumi' is not installed: run `make tools`", name="pulumi")
    root = Path(next(iter(spec.submodule_search_locations)))
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in [each for each in sys.modules if each == "pulumi" or each.startswith("pulumi.")]:
            del sys.modules[name]


with _bare_packages():
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]
