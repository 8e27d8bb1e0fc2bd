"""Blocks of the key-value cache: who holds which, and which can be found again by what they hold.

A block is in exactly one of three places: free; held, by as many requests as it has references; or kept, held by
nobody but still findable by its hash until its place is needed (least recently used first).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Never handed out: what a block table holds behind a request's own blocks, and where a CUDA graph's spare rows write.
# Whatever it holds, no request sees it.
NULL_BLOCK = 0


class OutOfBlocksError(Exception):
    """More blocks were asked for than are available."""


class IntegrityError(Exception):
    """The pool's books don't add up: a block is lost, counted twice, or findable by a wrong hash."""


class BlockPool:
    """All blocks but the null block. Belongs to one thread."""

    def __init__(self, blocks: int) -> None:
        """Takes the number of blocks of the cache, the null block included."""
        self._blocks = blocks
        # Taken from the end, so that a small load stays in few, warm blocks.
        self._free = list(range(blocks - 1, NULL_BLOCK, -1))
        self._references = [0] * blocks
        self._kept: OrderedDict[int, None] = OrderedDict()
        self._by_hash: dict[bytes, int] = {}
        self._hash_of: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """Blocks that requests can hold."""
        return self._blocks - 1

    @property
    def available(self) -> int:
        """Blocks that can be allocated now."""
        return len(self._free) + len(self._kept)

    def freed_by(self, holders: Iterable[Sequence[int]]) -> int:
        """Blocks that would become available if these holders released theirs; what others hold too would not."""
        held = Counter(block for blocks in holders for block in blocks)
        return sum(self._references[block] == count for block, count in held.items())

    def find(self, hashes: Sequence[bytes]) -> list[int]:
        """Blocks for the longest known run of hashes from the first on, each with a reference more."""
        found: list[int] = []
        for block_hash in hashes:
            block = self._by_hash.get(block_hash)
            if block is None:
                break
            found.append(block)
        for block in found:
            self._references[block] += 1
            self._kept.pop(block, None)
        return found

    def allocate(self, count: int) -> list[int]:
        """Blocks that nobody else holds; what they hold is to be overwritten.

        Raises:
            OutOfBlocksError: there are fewer; none is taken.
        """
        if count > self.available:
            raise OutOfBlocksError(f"{count} blocks are needed, {self.available} of {self.size} are available")
        taken = [self._free.pop() if self._free else self._evict() for _ in range(count)]
        for block in taken:
            self._references[block] = 1
        return taken

    def publish(self, block: int, block_hash: bytes) -> None:
        """Makes a held, full block findable. Where another block is found by the hash already, that one stays."""
        if block_hash not in self._by_hash and block not in self._hash_of:
            self._by_hash[block_hash] = block
            self._hash_of[block] = block_hash

    def release(self, blocks: Sequence[int]) -> None:
        """Takes a reference back from each of a request's blocks, first to last."""
        # The last blocks are the least likely to be asked for again: they are to be evicted first.
        for block in reversed(blocks):
            self._references[block] -= 1
            if self._references[block] == 0:
                if block in self._hash_of:
                    self._kept[block] = None
                else:
                    self._free.append(block)

    def forget(self, blocks: Iterable[int]) -> None:
        """Makes held blocks unfindable: what they hold is not to be used again."""
        for block in blocks:
            if (block_hash := self._hash_of.pop(block, None)) is not None:
                del self._by_hash[block_hash]

    def check(self, holders: Iterable[Sequence[int]]) -> None:
        """Compares the books with what requests hold.

        Args:
            holders: the blocks of each request.

        Raises:
            IntegrityError: says what doesn't add up.
        """
        held = Counter(block for blocks in holders for block in blocks)
        counted = {block: count for block, count in enumerate(self._references) if count}
        if held != counted:
            wrong = sorted(block for block in held.keys() | counted.keys() if held[block] != counted.get(block, 0))
            raise IntegrityError(f"blocks {wrong[:8]}: held {[held[b] for b in wrong[:8]]} times, counted differently")
        places = sorted([*self._free, *self._kept, *held])
        if places != list(range(NULL_BLOCK + 1, self._blocks)):
            raise IntegrityError("a block is in no place, or in two")
        if self._by_hash != {block_hash: block for block, block_hash in self._hash_of.items()}:
            raise IntegrityError("hashes and blocks disagree")
        if unfindable := [block for block in self._kept if block not in self._hash_of]:
            raise IntegrityError(f"blocks {unfindable[:8]} are kept, but can't be found")

    def _evict(self) -> int:
        block, _ = self._kept.popitem(last=False)
        self.forget((block,))
        return block
