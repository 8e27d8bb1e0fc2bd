"""A plugin that accepts every resource of every cloud: the programs here are about rules, not about clouds."""

import sys
from collections.abc import Mapping
from typing import Any

from toolchain.provider.interface import (
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    ReadRequest,
    ReadResult,
    ResourceProvider,
    UpdateRequest,
)
from toolchain.provider.properties import UNKNOWN
from toolchain.provider.server import serve


class AcceptingProvider(ResourceProvider):
    """Keeps what it is given; nothing is made anywhere. A resource's id is its `reportedId`, or its name."""

    def __init__(self, name: str) -> None:
        self.name, self.version = name, "1.0.0"

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        del context
        return CheckResult(request.news)

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        del context
        return DiffResult(changes=request.old_inputs != request.news)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        del context
        arn = UNKNOWN if request.preview else f"arn:{request.name}"
        identifier = str(request.inputs.get("reportedId", request.name))
        return CreateResult("" if request.preview else identifier, {**request.inputs, "arn": arn})

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        del context
        return ReadResult(request.id, request.inputs, request.outputs)

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        del context
        return request.news

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        del request, context


if __name__ == "__main__":
    package = sys.argv.pop(1)
    serve(AcceptingProvider(package))
