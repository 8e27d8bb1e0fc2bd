"""What happens around a simulator's calls: the journal, refusals, what was done and isn't ready, processes that end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rehearsal import guard
from rehearsal.aws.manners import MANNERS as AWS
from rehearsal.azure.manners import MANNERS as AZURE
from rehearsal.gcp.manners import MANNERS as GCP
from rehearsal.journal import Call, Operation, Outcome, entries
from rehearsal.kubernetes.manners import MANNERS as KUBERNETES
from rehearsal.manners import Manners
from rehearsal.mishaps import Fault, Moment, Plan, Rule
from rehearsal.troubled import TroubledProvider
from toolchain.provider.interface import (
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    InitializationFailedError,
    ProviderError,
    ReadRequest,
    ReadResult,
    ResourceProvider,
    Severity,
    UpdateRequest,
)

KIND = "aws:ec2/vpc:Vpc"
URN = f"urn:pulumi:s::p::{KIND}::network"


class Shelf(ResourceProvider):
    """Keeps what it is given, by name."""

    name = "aws"
    version = "1.0.0"

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        del context
        return CheckResult(request.news)

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        del request, context
        return DiffResult(changes=False)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        del context
        if not request.preview:
            self.kept[request.name] = request.inputs
        return CreateResult(request.name, request.inputs)

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        del context
        return ReadResult(request.id)

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        del context
        self.kept[request.name] = request.news
        return request.news

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        del context
        self.kept.pop(request.name)


async def _say(severity: Severity, message: str, urn: str, ephemeral: bool) -> None:
    del severity, message, urn, ephemeral


def context() -> Context:
    return Context(URN, asyncio.Event(), _say)


def create(*, preview: bool = False) -> CreateRequest:
    return CreateRequest(urn=URN, type=KIND, name="network", inputs={"a": 1}, preview=preview, timeout_s=None)


def delete() -> DeleteRequest:
    return DeleteRequest(urn=URN, type=KIND, name="network", id="network", inputs={}, outputs={}, timeout_s=None)


def update() -> UpdateRequest:
    return UpdateRequest(
        urn=URN, type=KIND, name="network", id="network", old_inputs={}, old_outputs={}, news={"a": 2}, preview=False,
        timeout_s=None, ignore_changes=[],
    )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(guard.WORLD_VARIABLE, str(tmp_path))
    return tmp_path


async def opened(world: Path, *rules: Rule, manners: Manners = AWS) -> tuple[TroubledProvider, Shelf]:
    Plan(rules=rules).write(world)
    shelf = Shelf()
    provider = TroubledProvider(shelf, manners)
    await provider.configure({}, context())
    return provider, shelf


async def test_what_goes_well_is_noted_with_its_id_and_time(world: Path) -> None:
    provider, shelf = await opened(world)
    await provider.create(create(preview=True), context())
    await provider.create(create(), context())
    await provider.update(update(), context())
    await provider.delete(delete(), context())
    await provider.close()
    noted = entries(world / "account.sqlite")
    assert [(each.call.operation, each.call.id, each.outcome) for each in noted] == [
        (operation, "network", Outcome.DONE) for operation in Operation
    ]
    assert all(each.takes_s > 0 for each in noted)
    assert shelf.kept == {}


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.QUOTA, Fault.CAPACITY, Fault.INTERNAL])
async def test_a_refusal_comes_before_anything_is_done_and_only_once(world: Path, fault: Fault) -> None:
    provider, shelf = await opened(world, Rule(id="a", faults=(fault,)))
    with pytest.raises(ProviderError):
        await provider.create(create(), context())
    assert shelf.kept == {}
    await provider.create(create(), context())
    assert [each.outcome for each in entries(world / "account.sqlite")] == [Outcome.FAILED, Outcome.DONE]


async def test_what_wasnt_ready_in_time_is_there(world: Path) -> None:
    provider, shelf = await opened(world, Rule(id="a", faults=(Fault.TIMEOUT,)))
    with pytest.raises(InitializationFailedError) as raised:
        await provider.create(create(), context())
    assert (raised.value.id, raised.value.outputs) == ("network", {"a": 1})
    assert "timeout while waiting" in raised.value.reasons[0]
    assert shelf.kept == {"network": {"a": 1}}


async def test_a_deletion_that_wasnt_seen_has_happened(world: Path) -> None:
    provider, shelf = await opened(world, Rule(id="a", faults=(Fault.TIMEOUT,), operations=(Operation.DELETE,)))
    await provider.create(create(), context())
    with pytest.raises(ProviderError, match="timeout"):
        await provider.delete(delete(), context())
    assert shelf.kept == {}


async def test_the_plugin_tries_again_while_it_is_throttled(world: Path) -> None:
    provider, shelf = await opened(world, Rule(id="a", faults=(Fault.THROTTLED,), attempts=3))
    await provider.create(create(), context())
    [noted] = entries(world / "account.sqlite")
    assert (noted.outcome, noted.retries, noted.fault) == (Outcome.DONE, 3, "throttled")
    assert noted.takes_s > 7
    assert shelf.kept


async def test_it_gives_up_after_as_many_attempts_as_the_real_one(world: Path) -> None:
    provider, shelf = await opened(world, Rule(id="a", faults=(Fault.THROTTLED,), attempts=100))
    with pytest.raises(ProviderError, match="ThrottlingException: Rate exceeded"):
        await provider.create(create(), context())
    assert [each.retries for each in entries(world / "account.sqlite")] == [AWS.retries]
    assert shelf.kept == {}


async def test_what_was_just_made_is_seen_after_some_attempts_and_then_for_good(world: Path) -> None:
    manners = replace(AWS, settles={KIND: 2})
    provider, _ = await opened(world, manners=manners)
    await provider.create(replace(create(), name="network-of-a-test"), context())
    for name in ("first", "second"):
        await provider.create(replace(create(), name=name, inputs={"in": ["network-of-a-test"]}), context())
    assert [each.retries for each in entries(world / "account.sqlite")] == [0, 2, 0]


async def test_a_plugin_that_gives_up_sooner_is_told_that_there_is_nothing(world: Path) -> None:
    provider, shelf = await opened(world, manners=replace(AWS, settles={KIND: 2}, retries=1))
    await provider.create(replace(create(), name="network-of-a-test"), context())
    with pytest.raises(ProviderError, match="does not exist"):
        await provider.create(replace(create(), inputs={"in": "network-of-a-test"}), context())
    assert list(shelf.kept) == ["network-of-a-test"]


_KILLED = """
import asyncio, sys
from rehearsal.mishaps import Fault, Moment, Rule
from tests.rehearsal.test_troubled import create, context, opened
from pathlib import Path

async def main():
    world = Path(sys.argv[1])
    provider, _ = await opened(world, Rule(id="a", faults=(Fault(sys.argv[2]),), when=Moment(sys.argv[3])))
    try:
        await provider.create(create(), context())
    except Exception as error:
        print(error)

asyncio.run(main())
"""


def died(world: Path, fault: Fault, moment: Moment) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, guard.WORLD_VARIABLE: str(world)}
    command = [sys.executable, "-c", _KILLED, str(world), str(fault), str(moment)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("moment", list(Moment))
def test_a_killed_plugin_leaves_a_call_that_never_ended(world: Path, moment: Moment) -> None:
    assert died(world, Fault.PLUGIN_KILLED, moment).returncode == 137
    [noted] = entries(world / "account.sqlite")
    assert (noted.outcome, noted.fault) == (Outcome.BEGUN, f"plugin killed {moment}")


def test_only_an_engine_is_killed_as_one(world: Path) -> None:
    ended = died(world, Fault.ENGINE_KILLED, Moment.BEFORE)
    assert ended.returncode == 0
    assert "it is left alone" in ended.stdout
    assert [each.outcome for each in entries(world / "account.sqlite")] == [Outcome.FAILED]


@pytest.mark.parametrize("manners", [AWS, AZURE, GCP, KUBERNETES], ids=["aws", "azure", "gcp", "kubernetes"])
@pytest.mark.parametrize("fault", [each for each in Fault if "killed" not in each])
def test_every_cloud_has_words_for_every_fault(manners: Manners, fault: Fault) -> None:
    said = manners.refusal(fault, Call("aws", Operation.CREATE, KIND, URN), seed="a")
    assert (
        "Vpc" in said
        or "Rate exceeded" in said
        or fault in {Fault.CAPACITY, Fault.THROTTLED, Fault.INTERNAL, Fault.UNSEEN}
    )
    assert "{" not in said
