"""What a simulated account remembers, refuses and forgets."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import Afterlife
from rehearsal.account import (
    Account,
    Claim,
    MissingError,
    Recovery,
    Resource,
    TakenError,
    holdings,
    sealed,
    unsealed,
)
from toolchain.provider.properties import Secret

KIND = "aws:s3/bucket:Bucket"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "account.sqlite"


@pytest.fixture
def account(file: Path) -> Iterator[Account]:
    opened = Account(file, "aws", "111122223333")
    yield opened
    opened.close()


def bucket(name: str = "weights", **outputs: object) -> Resource:
    return Resource(KIND, name, {"bucket": name}, {"bucket": name, **outputs})


def test_it_outlives_its_process(account: Account, file: Path) -> None:
    account.create(bucket(arn="arn:aws:s3:::weights"))
    account.close()
    found = Account(file, "aws", "111122223333").read(KIND, "weights")
    assert found is not None
    assert found.outputs["arn"] == "arn:aws:s3:::weights"


def test_accounts_and_clouds_do_not_see_each_other(account: Account, file: Path) -> None:
    account.create(bucket())
    assert Account(file, "aws", "444455556666").read(KIND, "weights") is None
    assert Account(file, "gcp", "111122223333").read(KIND, "weights") is None


def test_an_id_or_claim_is_given_once(account: Account) -> None:
    account.create(bucket("a"), Claim(unique="vpc-1/front"))
    with pytest.raises(TakenError, match="a exists already"):
        account.create(bucket("a"))
    with pytest.raises(TakenError, match="a exists already"):
        account.create(bucket("b"), Claim(unique="vpc-1/front"))
    account.create(bucket("a"), Claim(shared=True))


@pytest.mark.parametrize(
    ("afterlife", "told"),
    [
        (Afterlife.SOFT_DELETED, "kept for its retention time"),
        (Afterlife.PERMANENT, "can't be deleted; import it"),
        (Afterlife.SCHEDULED, "deletion is scheduled"),
    ],
)
def test_what_a_cloud_keeps_keeps_its_name(account: Account, file: Path, afterlife: Afterlife, told: str) -> None:
    account.create(bucket())
    account.delete(Resource(KIND, "weights", {}, {}, afterlife=afterlife))
    with pytest.raises(TakenError, match=told):
        account.create(bucket())
    assert [each.afterlife for _, _, each in holdings(file)] == [afterlife]
    assert (account.read(KIND, "weights") is not None) == (afterlife is Afterlife.PERMANENT)


def test_deleted_is_gone_and_deleting_again_is_no_error(account: Account, file: Path) -> None:
    account.create(bucket())
    account.delete(bucket())
    account.delete(bucket())
    assert list(holdings(file)) == []
    with pytest.raises(MissingError):
        account.update(bucket())


def test_secrets_are_not_kept(account: Account, file: Path) -> None:
    made = Resource(KIND, "weights", {"password": Secret("canary")}, {"nested": [{"password": Secret("canary")}]})
    account.create(made)
    account.close()
    stored = b"".join(each.read_bytes() for each in file.parent.iterdir())
    assert b"canary" not in stored
    assert sqlite3.connect(file).execute("SELECT count(*) FROM resources").fetchone() == (1,)


def test_a_secret_comes_back_only_to_who_knows_it() -> None:
    kept = sealed({"password": Secret("right"), "name": "n"})
    assert unsealed(kept, {"password": Secret("right")}) == {"password": Secret("right"), "name": "n"}
    assert unsealed(kept, {"password": Secret("wrong")})["password"] == Secret("simulated: not readable")
    assert unsealed(kept, {})["password"] == Secret("simulated: not readable")


def test_random_values_differ_between_resources_and_not_between_rehearsals(account: Account, tmp_path: Path) -> None:
    first, second = account.draw("vpc"), account.draw("vpc")
    assert first != second
    assert Account(tmp_path / "other.sqlite", "aws", "111122223333").draw("vpc") == first


def test_each_region_has_ids_of_its_own(account: Account) -> None:
    alias = "aws:kms/alias:Alias"
    for region in ("us-east-1", "us-west-2"):
        account.create(Resource(alias, "alias/a", {}, {"in": region}, region))
    with pytest.raises(TakenError):
        account.create(Resource(alias, "alias/a", {}, {}, "us-west-2"))
    account.delete(Resource(alias, "alias/a", {}, {}, "us-west-2"))
    found = account.read(alias, "alias/a", "us-east-1")
    assert found is not None
    assert found.outputs["in"] == "us-east-1"
    assert account.read(alias, "alias/a", "us-west-2") is None


def test_what_belongs_to_a_resource_goes_with_it(account: Account, file: Path) -> None:
    cluster = Resource("aws:eks/cluster:Cluster", "c", {}, {"arn": "arn:c"})
    account.create(cluster)
    account.create(Resource("aws:eks/addon:Addon", "c:dns", {}, {}), Claim(inside="aws:eks/cluster:Cluster c"))
    account.create(Resource("aws:eks/addon:Addon", "d:dns", {}, {}), Claim(inside="aws:eks/cluster:Cluster d"))
    for name in ("arn:c", "arn:d"):
        Account(file, "kubernetes", name).create(Resource("kubernetes:core/v1:Namespace", "a", {}, {}))
    account.delete(cluster, cluster="arn:c")
    assert [(name, each.id) for _, name, each in holdings(file)] == [("111122223333", "d:dns"), ("arn:d", "a")]


def test_a_soft_deleted_vault_keeps_its_keys_and_comes_back_with_them(account: Account, file: Path) -> None:
    vault = Resource("azure-native:keyvault:Vault", "/vaults/v", {}, {}, afterlife=Afterlife.SOFT_DELETED)
    key = Resource("azure-native:keyvault:Key", "/vaults/v/keys/k", {}, {})
    grant = Resource("azure-native:authorization:RoleAssignment", "/vaults/v/providers/roleAssignments/r", {}, {})
    with pytest.raises(MissingError, match="none of that name is soft-deleted"):
        account.create(vault, Claim(recovery=Recovery.ONLY))
    for each in (vault, key, grant):
        account.create(each)
    account.delete(vault, nested=True)
    assert {(each.id, each.afterlife) for _, _, each in holdings(file)} == {
        (vault.id, Afterlife.SOFT_DELETED),
        (key.id, Afterlife.SOFT_DELETED),
    }
    with pytest.raises(TakenError):
        account.create(vault)
    account.create(vault, Claim(recovery=Recovery.ONLY))
    assert account.read(key.type, key.id) is not None


def test_what_cannot_be_deleted_lives_again_once_it_was_taken_over(account: Account) -> None:
    ring = Resource("gcp:kms/keyRing:KeyRing", "ring", {}, {}, afterlife=Afterlife.PERMANENT)
    account.create(ring)
    account.delete(ring)
    assert [each.afterlife for each in account.of_type(ring.type)] == [Afterlife.PERMANENT]
    account.update(ring)
    assert [each.afterlife for each in account.of_type(ring.type)] == [None]
