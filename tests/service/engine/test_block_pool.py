from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.engine.block_pool import NULL_BLOCK, BlockPool, IntegrityError, OutOfBlocksError
from service.engine.prefix_hash import PrefixHasher

_BLOCKS = 9


class PoolLife(RuleBasedStateMachine):
    """Requests that take blocks, publish some, find others' and give all back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = BlockPool(_BLOCKS)
        self.held: list[list[int]] = []
        self.contents: dict[int, int] = {}  # block -> number of the hash whose content it holds

    @rule(count=st.integers(0, 4))
    def allocate(self, count: int) -> None:
        available = self.pool.available
        if count > available:
            with pytest.raises(OutOfBlocksError):
                self.pool.allocate(count)
            return
        blocks = self.pool.allocate(count)
        assert len(set(blocks)) == count
        assert not set(blocks) & {block for held in self.held for block in held}
        for block in blocks:
            self.contents.pop(block, None)
        self.held.append(blocks)

    @precondition(lambda self: any(self.held))
    @rule(data=st.data(), number=st.integers(0, 5))
    def publish(self, data: st.DataObject, number: int) -> None:
        block = data.draw(st.sampled_from([block for held in self.held for block in held]))
        if self.contents.setdefault(block, number) == number:
            self.pool.publish(block, bytes([number]))

    @rule(numbers=st.lists(st.integers(0, 5), max_size=3, unique=True))
    def find(self, numbers: list[int]) -> None:
        found = self.pool.find([bytes([number]) for number in numbers])
        assert [self.contents[block] for block in found] == numbers[: len(found)]
        self.held.append(found)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.pool.release(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @precondition(lambda self: any(self.held))
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        self.pool.forget(data.draw(st.sampled_from(self.held)))

    @invariant()
    def books_add_up(self) -> None:
        self.pool.check(self.held)
        held = {block for blocks in self.held for block in blocks}
        assert self.pool.available == self.pool.size - len(held)
        assert NULL_BLOCK not in held


TestPoolLife = PoolLife.TestCase


def test_what_was_used_last_is_evicted_last() -> None:
    pool = BlockPool(4)
    first, second, third = pool.allocate(3)
    for number, block in enumerate((first, second, third)):
        pool.publish(block, bytes([number]))
        pool.release([block])
    pool.release(pool.find([bytes([0])]))
    assert pool.allocate(1) == [second]
    assert pool.find([bytes([1])]) == []
    assert pool.find([bytes([0])]) == [first]


def test_broken_books_are_found() -> None:
    pool = BlockPool(4)
    blocks = pool.allocate(2)
    pool.check([blocks])
    for holders in ([], [blocks, blocks[:1]], [blocks[:1]]):
        with pytest.raises(IntegrityError):
            pool.check(holders)
    pool._free.pop()
    with pytest.raises(IntegrityError):
        pool.check([blocks])


_TOKENS = st.lists(st.integers(0, 3), max_size=20)


@given(
    first=_TOKENS, second=_TOKENS, salts=st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), cut=st.integers(0, 20)
)
def test_blocks_are_shared_by_equal_prefixes_of_one_tenant(
    first: list[int], second: list[int], salts: tuple[str, str], cut: int
) -> None:
    hasher = PrefixHasher(4, secret=b"s")
    chains = [hasher.chain(tokens, salt) for tokens, salt in zip((first, second), salts, strict=True)]
    chains[0].extend(first[:cut])  # in pieces or at once
    hashes = [chain.extend(tokens) for chain, tokens in zip(chains, (first, second), strict=True)]
    for block, (left, right) in enumerate(zip(*hashes, strict=False)):
        equal = salts[0] == salts[1] and first[: 4 * block + 4] == second[: 4 * block + 4]
        assert (left == right) == equal


def test_only_declared_prefixes_are_shared_between_tenants() -> None:
    hasher = PrefixHasher(2, secret=b"s", shared_prefixes=[(1, 2, 3, 4, 5)])
    tokens = (1, 2, 3, 4, 9, 9)
    a, b = (hasher.chain(tokens, salt).extend(tokens) for salt in "ab")
    assert a[:2] == b[:2]  # whole blocks of the declared prefix
    assert a[2] != b[2]
    other = (1, 2, 3, 9, 9, 9)
    assert not set(hasher.chain(other, "a").extend(other)) & set(hasher.chain(other, "b").extend(other))
    assert PrefixHasher(2, secret=b"t").chain(tokens, "a").extend(tokens)[0] not in a
    assert hasher.chain(tokens, "a", "adapter").extend(tokens)[0] not in a
