"""`access:ApiKey`: a random key for one client of one tenant.

Inputs: keyId, tenant. Outputs: key (secret), sha256 (hex of the key's SHA-256, all that a gateway needs to know).
"""

import hashlib
import secrets

from toolchain.modelfleet_provider.resource_type import Inputs, Outputs, Progress, ResourceType

_ENTROPY_BYTES = 32
"""256 bits: a plain hash of the key is then as good as a slow one, since nothing can be guessed (NIST SP 800-63B)."""


class ApiKey(ResourceType):
    """A key that is made once and replaced, never changed."""

    outputs = ("key", "sha256")
    secrets = frozenset({"key"})
    replaced_by = frozenset({"keyId", "tenant"})

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Draw a key. The prefix lets secret scanners find one that was committed by mistake."""
        del progress
        key = f"mf-{secrets.token_urlsafe(_ENTROPY_BYTES)}"
        return inputs["keyId"], {"key": key, "sha256": hashlib.sha256(key.encode()).hexdigest()}
