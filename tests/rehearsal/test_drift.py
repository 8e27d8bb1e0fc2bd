"""Changes behind the engine's back, made in simulated accounts."""

from pathlib import Path

import pytest

from rehearsal.account import Account, Resource
from rehearsal.clusters.stock import Stock
from rehearsal.drift import make
from rehearsal.mishaps import Plan
from rehearsal.scenario import Drift, Scenario

BUCKET = "gcp:storage/bucket:Bucket"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "account.sqlite"


@pytest.fixture
def account(memory: Path) -> Account:
    account = Account(memory, "gcp", "project")
    for name in ("weights-a", "weights-b", "logs"):
        inputs = {"name": name, "rules": [{"days": 1}, {"days": 2}]}
        account.create(Resource(BUCKET, name, inputs, {**inputs, "url": f"gs://{name}"}))
    return account


def test_values_are_set_in_what_it_was_made_with_and_in_its_live_state(memory: Path, account: Account) -> None:
    told = list(make(memory, Drift(type=BUCKET, id="weights-*", set={"rules.1.days": 9, "owner.name": "x"})))
    assert told == [f"{BUCKET} weights-{letter} was changed (owner.name, rules.1.days)" for letter in "ab"]
    changed, other = account.read(BUCKET, "weights-a"), account.read(BUCKET, "logs")
    assert changed is not None
    assert other is not None
    for properties in (changed.inputs, changed.outputs):
        assert properties["rules"] == [{"days": 1}, {"days": 9}]
        assert properties["owner"] == {"name": "x"}
    assert changed.outputs["url"] == "gs://weights-a"
    assert other.inputs["rules"] == [{"days": 1}, {"days": 2}]


def test_what_is_deleted_is_gone(memory: Path, account: Account) -> None:
    assert list(make(memory, Drift(type=BUCKET, id="logs", delete=True))) == [f"{BUCKET} logs was deleted"]
    assert account.read(BUCKET, "logs") is None


def test_nothing_of_that_name_is_no_drift(memory: Path, account: Account) -> None:
    assert account.of_type(BUCKET)
    assert list(make(memory, Drift(type=BUCKET, id="none", delete=True))) == []


def test_a_scenario_is_planted_in_place_of_the_one_before(tmp_path: Path) -> None:
    first = Scenario.model_validate({"faults": [{"fault": "quota"}], "stock": {"p5.48xlarge": {"spot": 0}}})
    first.plant(tmp_path)
    assert Plan.read(tmp_path) == first.plan()
    assert Stock.read(tmp_path).left("p5.48xlarge", "spot", 0) == 0
    Scenario().plant(tmp_path)
    assert Plan.read(tmp_path).rules == ()
    assert Stock.read(tmp_path).left("p5.48xlarge", "spot", 0) is None
