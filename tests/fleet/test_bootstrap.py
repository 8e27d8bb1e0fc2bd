"""A bootstrap's own steps: the stack file it writes and takes again, and the wait for roles that spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from documents import SettingsError
from fleet.app import app
from fleet.bootstrap import Bootstrap, CloudBackends, StatePlace
from fleet.console import FleetError
from fleet.engine import Engine, Summary, UpdateFailedError
from infra.config import Cloud, from_stack_file

GROUP = "00000000-0000-4000-8000-0000000000aa"
RANGE = "203.0.113.0/24"
PLACES = {
    Cloud.AWS: StatePlace(cloud=Cloud.AWS, account="111122223333", region="us-east-1", owner="platform"),
    Cloud.GCP: StatePlace(cloud=Cloud.GCP, account="modelfleet-production", region="europe-west4", owner="platform"),
    Cloud.AZURE: StatePlace(
        cloud=Cloud.AZURE,
        account="00000000-0000-4000-8000-000000000001",
        region="westeurope",
        owner="platform",
        authorized_ranges=(RANGE,),
        admins=(GROUP,),
    ),
}
BACKEND = "azblob://state?storage_account=mfstate"
REFUSED = "AuthorizationPermissionMismatch: this request is not authorized to perform this operation"


@dataclass
class Account:
    """Two backends of one engine: a folder, and the bucket, which refuses at first."""

    refusals: list[str]
    kept: dict[str, Any] = field(default_factory=dict)

    def engine(self, backend: str) -> "Backend":
        return Backend(self, backend)


@dataclass
class Backend:
    """An engine with one of them."""

    account: Account
    url: str

    def with_environment(self, further: Mapping[str, str]) -> "Backend":
        return self.account.engine(further["PULUMI_BACKEND_URL"])

    def select(self, stack: str) -> None:
        self.account.kept.setdefault(f"{self.url} {stack}", {"deployment": {}})

    def exists(self, stack: str) -> bool:
        if self.url == BACKEND and self.account.refusals:
            raise UpdateFailedError(self.account.refusals.pop(0))
        return f"{self.url} {stack}" in self.account.kept

    def create(self, stack: str, provider: str) -> None:
        assert provider == "azurekeyvault://vault/keys/secrets"
        self.select(stack)

    def export(self, stack: str) -> Any:
        return self.account.kept[f"{self.url} {stack}"]

    def import_(self, stack: str, checkpoint: Any) -> None:
        self.account.kept[f"{self.url} {stack}"] = checkpoint

    def outputs(self, stack: str) -> Mapping[str, str]:
        assert f"{self.url} {stack}" in self.account.kept
        return {"backend": BACKEND, "secretsProvider": "azurekeyvault://vault/keys/secrets"}


def bootstrap(folder: Path, refusals: Sequence[str], waited: list[float]) -> Bootstrap:
    file = folder / "Pulumi.azure-state.yaml"
    PLACES[Cloud.AZURE].write(file)
    (folder / "begun").mkdir()
    engine = cast("Engine", Account(list(refusals)).engine((folder / "begun").as_uri()))
    return Bootstrap(
        "azure-state",
        engine,
        folder / "begun",
        CloudBackends(),
        lambda _: Summary({"same": 9}, 1),
        file,
        wait=waited.append,
    )


@pytest.mark.parametrize("cloud", PLACES)
def test_the_same_words_are_taken_again(tmp_path: Path, cloud: Cloud) -> None:
    file = tmp_path / f"Pulumi.{cloud}-state.yaml"
    PLACES[cloud].write(file)
    written = file.read_text(encoding="utf-8")
    # What the engine writes while the state has no place yet, and what a bootstrap writes in the end.
    changed = f"encryptionsalt: v1:abc\n{written}  modelfleet:backend: s3://bucket\n"
    file.write_text(changed, encoding="utf-8")
    PLACES[cloud].write(file)
    assert file.read_text(encoding="utf-8") == changed


def test_other_words_are_refused_by_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.aws-state.yaml"
    PLACES[Cloud.AWS].write(file)
    with pytest.raises(FleetError, match=r"region is us-east-1, not us-west-2.*fleet bootstrap aws-state"):
        replace(PLACES[Cloud.AWS], region="us-west-2").write(file)


@pytest.mark.parametrize("left_out", [{"admins": ()}, {"authorized_ranges": ()}])
def test_a_place_on_azure_that_nobody_could_use_is_wrong(tmp_path: Path, left_out: dict[str, tuple[str, ...]]) -> None:
    file = tmp_path / "Pulumi.azure-state.yaml"
    replace(PLACES[Cloud.AZURE], **left_out).write(file)
    with pytest.raises(SettingsError, match=r"modelfleet:api\.\w+: is missing"):
        from_stack_file(file)


@pytest.mark.parametrize(
    "options",
    [
        ("--cloud", "azure"),
        ("--cloud", "azure", "--admin", GROUP),
        ("--cloud", "azure", "--authorized-range", RANGE),
        ("--cloud", "aws", "--admin", GROUP),
    ],
)
def test_azure_alone_wants_who_gets_in(options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["bootstrap", *options, "--account", "a", "--region", "r"])
    assert isinstance(done.exception, FleetError)
    assert "--authorized-range" in str(done.exception)


def test_roles_that_spread_are_waited_for(tmp_path: Path) -> None:
    waited: list[float] = []
    made = bootstrap(tmp_path, [REFUSED, REFUSED], waited).run()
    assert made.url == BACKEND
    assert len(waited) == 2
    assert from_stack_file(tmp_path / "Pulumi.azure-state.yaml").backend == BACKEND
    assert not (tmp_path / "begun").exists()


def test_another_refusal_is_told_at_once(tmp_path: Path) -> None:
    waited: list[float] = []
    with pytest.raises(UpdateFailedError, match="no such host"):
        bootstrap(tmp_path, ["no such host"], waited).run()
    assert waited == []


def test_roles_that_never_come_are_not_waited_for_without_end(tmp_path: Path) -> None:
    waited: list[float] = []
    with pytest.raises(UpdateFailedError, match="AuthorizationPermissionMismatch"):
        bootstrap(tmp_path, [REFUSED] * 1000, waited).run()
    assert sum(waited) == 600
    assert (tmp_path / "begun").is_dir(), "what was made is taken up by the next run"
