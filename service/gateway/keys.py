"""API keys: who may come in, and for which tenant.

Only hashes are stored. A key is 32 random bytes or more, so a plain SHA-256 can't be guessed back and needs no
slow hash; finding the entry by that hash leaks at most timing about a hash, and the last word is a comparison
in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.web.settings import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT_BYTES = 16 * 1024 * 1024
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class PriorityClass(StrEnum):
    """The best class that a key's requests may have, as the model servers name them."""

    INTERACTIVE = "interactive"
    NORMAL = "normal"
    BATCH = "batch"


class ApiKey(BaseModel):
    """One key, by its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=_NAME)
    tenant: str = Field(pattern=_NAME)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    priority: PriorityClass = PriorityClass.NORMAL


class _KeysFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    # None at all is no mistake: the last tenant was suspended, and a refused file would leave its key valid.
    keys: list[ApiKey]


class KeyRing:
    """The keys that are valid now."""

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            ConfigurationError: it is missing or malformed.
        """
        self._path = path
        self._by_hash: dict[str, ApiKey] = {}
        self.reload()

    def __len__(self) -> int:
        return len(self._by_hash)

    def reload(self) -> None:
        """Replaces all keys by those in the file; keeps the old ones where the file is unfit.

        Raises:
            ConfigurationError: the file is missing or malformed.
        """
        fix = 'it has to hold {"keys": [{"id": …, "tenant": …, "sha256": hex SHA-256 of the key}]}'
        try:
            with self._path.open("rb") as file:
                raw = file.read(_LIMIT_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"keys file {self._path}: {error.strerror}; {fix}") from None
        try:
            parsed = _KeysFile.model_validate_json(raw)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise ConfigurationError(
                f"keys file {self._path}: {f'{where}: ' if where else ''}{problem['msg']}; {fix}"
            ) from None
        by_hash = {key.sha256: key for key in parsed.keys}
        if len(by_hash) != len(parsed.keys) or len({key.id for key in parsed.keys}) != len(parsed.keys):
            raise ConfigurationError(f"keys file {self._path}: an id or a key is listed twice; remove one of them")
        self._by_hash = by_hash

    def find(self, key: bytes) -> ApiKey | None:
        """The entry of a key, or None where it isn't valid."""
        presented = hashlib.sha256(key).hexdigest()
        entry = self._by_hash.get(presented)
        # Compared in any case, so that a miss takes as long as a hit.
        stored = entry.sha256 if entry else "0" * 64
        return entry if hmac.compare_digest(presented, stored) else None
