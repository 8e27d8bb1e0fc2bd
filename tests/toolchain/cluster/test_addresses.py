"""Leases of subnets: never two alike, also when many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from toolchain.cluster.addresses import POOL_VARIABLE, LeaseBook, Subnet, pool
from toolchain.cluster.errors import AddressPoolError, ClusterNameError


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"cluster-{number}" for number in range(12)]
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    # A documentation network (RFC 2544), which no machine routes.
    monkeypatch.setenv(POOL_VARIABLE, "198.18.0.0/20")


def take(book: LeaseBook, folder: Path, wish: str = "", *, exact: bool = False) -> IPv4Network:
    return book.take(folder.name, folder, wish=IPv4Network(wish) if wish else None, exact=exact).network


def test_a_subnet_has_a_host_a_node_and_a_pool() -> None:
    subnet = Subnet(IPv4Network("10.250.3.0/24"))
    assert (str(subnet.host), str(subnet.node)) == ("10.250.3.1", "10.250.3.2")
    assert subnet.load_balancers == IPv4Network("10.250.3.64/26")


def test_many_at_once_get_different_subnets(tmp_path: Path, folders: list[Path]) -> None:
    # Each its own book, as each command is a process of its own.
    with ThreadPoolExecutor(len(folders)) as threads:
        networks = list(threads.map(lambda folder: take(LeaseBook(tmp_path / "run"), folder), folders))
    assert len(set(networks)) == len(folders)
    assert all(network.subnet_of(IPv4Network("198.18.0.0/20")) for network in networks)
    assert {lease.network for lease in LeaseBook(tmp_path / "run").leases()} == set(networks)


def test_a_lease_is_kept_until_it_is_released(tmp_path: Path, folders: list[Path]) -> None:
    book = LeaseBook(tmp_path / "run")
    first = take(book, folders[0])
    assert take(book, folders[0]) == first
    assert take(book, folders[1]) != first
    book.release(folders[0].name, folders[0])
    assert take(book, folders[2]) == first


def test_a_cluster_gets_the_subnet_it_had_unless_it_is_taken(tmp_path: Path, folders: list[Path]) -> None:
    book = LeaseBook(tmp_path / "run")
    assert take(book, folders[0], "198.18.9.0/24") == IPv4Network("198.18.9.0/24")
    assert take(book, folders[1], "198.18.9.0/24") == IPv4Network("198.18.0.0/24")
    with pytest.raises(AddressPoolError, match=r"198\.18\.9\.0/24"):
        take(book, folders[2], "198.18.9.0/24", exact=True)


def test_a_name_belongs_to_one_state_folder(tmp_path: Path, folders: list[Path]) -> None:
    book = LeaseBook(tmp_path / "run")
    book.take("local", folders[0], wish=None, exact=False)
    with pytest.raises(ClusterNameError, match=str(folders[0])):
        book.take("local", folders[1], wish=None, exact=False)
    book.release("local", folders[1])
    assert [lease.folder for lease in book.leases()] == [folders[0]]


def test_the_lease_of_a_deleted_folder_is_void(tmp_path: Path, folders: list[Path]) -> None:
    book = LeaseBook(tmp_path / "run")
    take(book, folders[0])
    folders[0].rmdir()
    assert book.leases() == ()


def test_a_full_pool_says_what_to_do(tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POOL_VARIABLE, "198.18.0.0/24")
    book = LeaseBook(tmp_path / "run")
    take(book, folders[0])
    with pytest.raises(AddressPoolError, match=POOL_VARIABLE):
        take(book, folders[1])


@pytest.mark.parametrize("value", ["banana", "10.250.0.0/25", "10.250.0.1/16", "fd00::/64"])
def test_a_bad_pool_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POOL_VARIABLE, value)
    with pytest.raises(AddressPoolError, match=POOL_VARIABLE):
        pool()
