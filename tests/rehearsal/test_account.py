"""What a simulated account remembers, refuses and forgets."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.account import Account, MissingError, Resource, TakenError, holdings, sealed, unsealed
from rehearsal.table import Afterlife
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
    return Resource(KIND, name, {"bucket": name}, {"bucket": name, **outputs}, None)


def test_it_outlives_its_process(account: Account, file: Path) -> None:
    account.create(bucket(arn="arn:aws:s3:::weights"), claim=None, shared=False)
    account.close()
    found = Account(file, "aws", "111122223333").read(KIND, "weights")
    assert found is not None
    assert found.outputs["arn"] == "arn:aws:s3:::weights"


def test_accounts_and_clouds_do_not_see_each_other(account: Account, file: Path) -> None:
    account.create(bucket(), claim=None, shared=False)
    assert Account(file, "aws", "444455556666").read(KIND, "weights") is None
    assert Account(file, "gcp", "111122223333").read(KIND, "weights") is None


def test_an_id_or_claim_is_given_once(account: Account) -> None:
    account.create(bucket("a"), claim="vpc-1/front", shared=False)
    with pytest.raises(TakenError, match="a exists already"):
        account.create(bucket("a"), claim=None, shared=False)
    with pytest.raises(TakenError, match="a exists already"):
        account.create(bucket("b"), claim="vpc-1/front", shared=False)
    account.create(bucket("a"), claim=None, shared=True)


@pytest.mark.parametrize(
    ("afterlife", "told"),
    [
        (Afterlife.SOFT_DELETED, "kept for its retention time"),
        (Afterlife.PERMANENT, "can't be deleted; import it"),
        (Afterlife.SCHEDULED, "deletion is scheduled"),
    ],
)
def test_what_a_cloud_keeps_keeps_its_name(account: Account, file: Path, afterlife: Afterlife, told: str) -> None:
    account.create(bucket(), claim=None, shared=False)
    account.delete(KIND, "weights", afterlife)
    with pytest.raises(TakenError, match=told):
        account.create(bucket(), claim=None, shared=False)
    assert [each.afterlife for _, _, each in holdings(file)] == [afterlife]
    assert (account.read(KIND, "weights") is not None) == (afterlife is Afterlife.PERMANENT)


def test_deleted_is_gone_and_deleting_again_is_no_error(account: Account, file: Path) -> None:
    account.create(bucket(), claim=None, shared=False)
    account.delete(KIND, "weights", Afterlife.NOTHING)
    account.delete(KIND, "weights", Afterlife.NOTHING)
    assert list(holdings(file)) == []
    with pytest.raises(MissingError):
        account.update(bucket())


def test_secrets_are_not_kept(account: Account, file: Path) -> None:
    made = Resource(KIND, "weights", {"password": Secret("canary")}, {"nested": [{"password": Secret("canary")}]}, None)
    account.create(made, claim=None, shared=False)
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
