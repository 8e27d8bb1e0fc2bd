"""Certificates and API keys as in every stack; no cluster, image or weights, which would be real ones."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rehearsal import guard
from rehearsal.simulated import BUILD_METADATA
from toolchain.modelfleet_provider.provider import ModelfleetProvider
from toolchain.provider.interface import Context, ProviderError


class RehearsedModelfleet(ModelfleetProvider):
    """The types that only compute."""

    version = f"{ModelfleetProvider.version}+{BUILD_METADATA}"

    homes: ClassVar = {
        token: ModelfleetProvider.homes[token] for token in ("modelfleet:local:Certificate", "modelfleet:access:ApiKey")
    }

    def __init__(self) -> None:
        super().__init__()
        self._refusal = guard.refusal()

    def schema(self) -> Mapping[str, Any]:
        """Say what this is."""
        return {**super().schema(), "description": "modelfleet in a rehearsal: nothing on this machine is touched"}

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Refuse to work outside of a rehearsal."""
        if self._refusal is not None:
            raise ProviderError(self._refusal)
        await super().configure(config, context)
