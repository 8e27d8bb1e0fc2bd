"""What every simulator does alike: it works in a rehearsal only, and remembers in the world's memory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal import guard
from rehearsal.account import Account, Claim, MissingError, Resource, TakenError, unsealed
from rehearsal.sdk_index import sdk_version
from rehearsal.simulated import BUILD_METADATA
from toolchain.provider.interface import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    Context,
    ProviderError,
    ReadRequest,
    ReadResult,
    ResourceProvider,
)


class RememberingProvider(ResourceProvider):
    """A simulated provider with a memory that outlives its process.

    Args:
        name: of the plugin.
        package: Python package of the SDK whose version the plugin takes.
    """

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self.version = f"{sdk_version(package)}+{BUILD_METADATA}"
        self._refusal = guard.refusal()
        self._memory: Account | None = None

    async def check_config(self, request: CheckRequest, context: Context) -> CheckResult:
        """Refuse to work outside of a rehearsal."""
        del context
        if self._refusal is not None:
            return CheckResult(request.news, [CheckFailure("", self._refusal)])
        return CheckResult(request.news)

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read a resource as it is remembered."""
        del context
        region = self.region_of(request.type, {**request.outputs, **request.inputs})
        found = self.memory.read(request.type, request.id, region)
        if found is None:
            return ReadResult(None)
        return ReadResult(request.id, unsealed(found.inputs, request.inputs), unsealed(found.outputs, request.outputs))

    async def close(self) -> None:
        """Let go of the memory."""
        if self._memory is not None:
            self._memory.close()

    @property
    def memory(self) -> Account:
        """What this provider instance remembers.

        Raises:
            ProviderError: it wasn't configured.
        """
        if self._memory is None:
            raise ProviderError(f"the simulated {self.name} was asked for a resource before it was configured")
        return self._memory

    def require_rehearsal(self) -> None:
        """Tell whether this may work here.

        Raises:
            ProviderError: it is outside of a rehearsal.
        """
        if self._refusal is not None:
            raise ProviderError(self._refusal)

    def open_memory(self, account: str) -> None:
        """Open the memory of one account or cluster."""
        self._memory = Account(world() / "account.sqlite", self.name, account)

    def region_of(self, kind: str, properties: Mapping[str, Any]) -> str:
        """Give the region in which a resource's id is unique, empty where it is in the whole account."""
        del self, kind, properties
        return ""

    def remember(self, made: Resource, claim: Claim | None = None) -> None:
        """Add a resource; the arguments are those of `Account.create`.

        Raises:
            ProviderError: its id or claim is taken, or there is none to recover.
        """
        try:
            self.memory.create(made, claim or Claim())
        except (TakenError, MissingError) as error:
            raise ProviderError(str(error)) from error

    def change(self, changed: Resource) -> None:
        """Change a resource.

        Raises:
            ProviderError: there is none.
        """
        try:
            self.memory.update(changed)
        except MissingError as error:
            raise ProviderError(str(error)) from error


def world() -> Path:
    """The folder of the rehearsal that this process works in."""
    return Path(os.environ[guard.WORLD_VARIABLE])
