"""Hashes by which full blocks are found again.

A block's hash covers every token up to its end, and a salt: two requests share a block only where they agree in all
of it. The salt is the tenant's, so that a hit, which is felt as a shorter wait, tells a tenant nothing but what it has
sent itself. Only prompts that the operator itself has declared shared are hashed without a tenant.
"""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HASH_BYTES = 32  # of a collision-resistant hash: tenants choose the tokens, so a shorter one could be attacked


class PrefixHasher:
    """Makes the hashes of one cache."""

    def __init__(self, block_size: int, *, secret: bytes, shared_prefixes: Sequence[Sequence[int]] = ()) -> None:
        """Makes a hasher.

        Args:
            block_size: tokens of a block.
            secret: at most 64 bytes, unknown to clients, so that no hash can be computed ahead.
            shared_prefixes: tokens with which any tenant's prompt may begin and share their blocks.
        """
        self.block_size = block_size
        self._secret = secret
        whole = {tuple(prefix[: len(prefix) // block_size * block_size]) for prefix in shared_prefixes}
        self._shared = sorted((prefix for prefix in whole if prefix), key=len, reverse=True)

    def chain(self, prompt: Sequence[int], salt: str, adapter_id: str | None = None) -> HashChain:
        """The hashes of a request, none computed yet.

        Args:
            prompt: its tokens.
            salt: whom it shares blocks with.
            adapter_id: another model computes other keys and values.
        """
        root = self.hash(repr((salt, adapter_id)).encode())
        shared = next((prefix for prefix in self._shared if tuple(prompt[: len(prefix)]) == prefix), ())
        return HashChain(self, root, len(shared) // self.block_size if adapter_id is None else 0)

    def hash(self, content: bytes) -> bytes:
        """BLAKE2b (RFC 7693), keyed."""
        return hashlib.blake2b(content, digest_size=_HASH_BYTES, key=self._secret).digest()


class HashChain:
    """The hashes of a request's full blocks, first to last, as far as they were asked for.

    Attributes:
        hashes: one for each full block.
    """

    def __init__(self, hasher: PrefixHasher, root: bytes, shared_blocks: int) -> None:
        self.hashes: list[bytes] = []
        self._hasher = hasher
        self._root = root
        self._shared_blocks = shared_blocks

    def extend(self, tokens: Sequence[int]) -> list[bytes]:
        """The hashes of all full blocks of these tokens, which continue those of the last call."""
        size = self._hasher.block_size
        for block in range(len(self.hashes), len(tokens) // size):
            parent = self.hashes[-1] if self.hashes else b""
            if block == self._shared_blocks:
                parent += self._root  # from here on, only those of the same salt find it
            content = array("i", tokens[block * size : (block + 1) * size]).tobytes()
            self.hashes.append(self._hasher.hash(parent + content))
        return self.hashes

    def copy(self) -> HashChain:
        """For another choice of the same request."""
        copied = HashChain(self._hasher, self._root, self._shared_blocks)
        copied.hashes = self.hashes.copy()
        return copied
