"""Certificates and API keys as in every stack; no cluster, image or weights, which would be real ones."""

from collections.abc import Mapping
from typing import Any

from rehearsal import guard
from rehearsal.simulated import BUILD_METADATA
from toolchain.modelfleet_provider.api_key import ApiKey
from toolchain.modelfleet_provider.certificate import Certificate
from toolchain.modelfleet_provider.provider import ModelfleetProvider
from toolchain.provider.interface import Context, ProviderError


class RehearsedModelfleet(ModelfleetProvider):
    """The types that only compute."""

    version = f"{ModelfleetProvider.version}+{BUILD_METADATA}"

    def __init__(self) -> None:
        super().__init__((Certificate(), ApiKey()))
        self._refusal = guard.refusal()

    def schema(self) -> Mapping[str, Any]:
        """Say what this is."""
        return {**super().schema(), "description": "modelfleet in a rehearsal: nothing on this machine is touched"}

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Refuse to work outside of a rehearsal."""
        if self._refusal is not None:
            raise ProviderError(self._refusal)
        await super().configure(config, context)
