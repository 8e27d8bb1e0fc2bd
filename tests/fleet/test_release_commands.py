"""`fleet release` on a store in a folder: what it shows, what it refuses, and that the runbooks' commands exist."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from fleet import console
from fleet.app import app
from release.append_log import open_store
from release.artefacts import Target
from release.baseline import Baseline
from release.history import History
from release.journal import Before, Begun, Concluded, Driven, Journals, WaveBegun
from release.record import Deployed, Outcome, Record
from release.waves import WavePlan
from tests.release.simulated import artefacts, digest

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
STACK = "aws-us-east-1"
LOOKS = re.compile(r"fleet release (status|history|diff)")


@pytest.fixture(autouse=True)
def no_region_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def drive(*arguments: object) -> None:
        pytest.fail(f"a test would have changed a region: {arguments}")

    monkeypatch.setattr("fleet.release_run.ReleaseDesk.drive", drive)


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in which digest 1 was released, and digest 2 was refused and taken back."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    history = History(open_store(tmp_path.as_uri()))
    for number, outcome in enumerate((Outcome.RELEASED, Outcome.ROLLED_BACK)):
        back = outcome is Outcome.ROLLED_BACK
        history.add(
            Record(
                stack=STACK,
                rollout=number,
                outcome=outcome,
                artefacts=artefacts(1),
                attempted=artefacts(2) if back else None,
                deployed=Deployed(images={"server": digest(1)}, model=digest(3), config_hash=digest(4)),
                at=AT + timedelta(hours=number),
                who="tester",
                reason="canary: error rate (probe): 20.0% of requests fail" if back else "first",
                writer="test",
            )
        )
    return tmp_path


def told(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["release", *arguments])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["release", *arguments])
    assert done.exception is not None
    return console.foreseen(done.exception) or pytest.fail(repr(done.exception))


def begun(backend: Path, *, concluded: bool) -> None:
    journals = Journals(open_store(backend.as_uri()), writer="test", now=lambda: AT)
    plan = WavePlan.model_validate({"waves": [{"name": "canary", "stacks": [STACK]}]})
    journal = journals.begin(Begun(target=Target.parse([digest(2)]), plan=plan, through=0, reason="faster"))
    journal.append(Driven(who="tester", through=0))
    before = Before(artefacts=artefacts(1), baseline=Baseline())
    journal.append(WaveBegun(wave=0, before={STACK: before}))
    if concluded:
        command = f"fleet release rollback {STACK} --to {digest(1)}"
        journal.append(Concluded(outcome=Outcome.STUCK, reason="it doesn't come back", commands=(command,)))


@pytest.mark.usefixtures("backend")
def test_history() -> None:
    newest, oldest = json.loads(told("history", STACK, "--json"))
    assert (newest["outcome"], oldest["outcome"]) == ("rolled back", "released")
    assert newest["attempted"]["server"].endswith(digest(2))
    assert [each["rollout"] for each in json.loads(told("history", STACK, "--json", "--limit", "1"))] == [1]
    assert "rolled" in told("history", STACK)


def test_status(backend: Path) -> None:
    begun(backend, concluded=True)
    said = json.loads(told("status", "--json"))
    rows = {row["stack"]: row for row in said["stacks"]}
    assert rows[STACK]["outcome"] == "rolled back"
    assert rows[STACK]["file"].startswith("other server")
    assert rows["local"]["outcome"] == "never released"
    assert said["rollout"]["phase"] == "stuck"
    assert said["rollout"]["end"]["commands"] == [f"fleet release rollback {STACK} --to {digest(1)}"]


def test_diff(backend: Path) -> None:
    (server, *_) = json.loads(told("diff", STACK, "--json"))
    assert (server["component"], server["from"]) == ("server", artefacts(1).server)
    assert json.loads(told("diff", STACK, STACK, "--json")) == []
    assert "nothing was ever released to gcp-europe-west4" in refused("diff", STACK, "gcp-europe-west4")
    assert backend.is_dir()


def test_what_is_refused(backend: Path) -> None:
    assert "--resume to go on" in refused("deploy")
    assert "--resume to go on" in refused("deploy", digest(2), "--resume")
    assert "which one to --resume" in refused("deploy", digest(2), "--rollout", "1")
    assert "is not a digest" in refused("deploy", "sha256:12", "--yes")
    assert "there is no wave 7" in refused("deploy", digest(2), "--wave", "7", "--yes")
    assert "never had a good release of sha256:9" in refused("rollback", STACK, "--to", "sha256:" + "9" * 64, "--yes")
    begun(backend, concluded=False)
    assert "rollout 0 is unfinished, not 3" in refused("deploy", "--resume", "--rollout", "3")
    for words in (["rollback", STACK, "--to", digest(1)], ["deploy", digest(2)]):
        assert f"is under way since 2026-11-21 12:00 UTC, wave canary ({STACK})" in refused(*words, "--yes")


@pytest.mark.usefixtures("backend")
def test_nothing_to_resume_is_no_failure() -> None:
    done = CliRunner().invoke(app, ["release", "deploy", "--resume", "--rollout", "4", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"rollout": None, "end": None}
    assert "no rollout is unfinished" in done.stderr


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.ROLLED_BACK, 3), (Outcome.STUCK, 4)])
def test_an_issue_that_cannot_be_opened_changes_no_end(
    backend: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, status: int
) -> None:
    def ended(*arguments: object, **settings: object) -> Concluded:
        del arguments, settings
        return Concluded(outcome=outcome, reason="slow", commands=("fleet release status",))

    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("fleet.release_run.ReleaseDesk.drive", ended)
    begun(backend, concluded=False)
    done = CliRunner().invoke(app, ["release", "deploy", "--resume", "--issue", "--json"])
    assert done.exit_code == status
    assert json.loads(done.stdout)["end"]["commands"] == ["fleet release status"]
    assert "could not be opened" in done.stderr


def test_a_backend_that_cannot_keep_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.example")
    assert "is none of file://, s3://, azblob://, gs://" in refused("status")


def commands() -> Iterator[tuple[str, str]]:
    """Every `fleet …` line of the delivery pages' shell blocks."""
    for page in ("delivery.md", "runbooks/bad-release.md", "runbooks/failed-rollback.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                if line.strip():
                    yield page, line.partition("  #")[0].strip()


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_a_page_s_command_is_taken_as_it_is_written(page: str, line: str) -> None:
    """Parsed by the real command line, its placeholders filled in; what isn't known is a usage error."""
    words = line.replace("DIGEST", digest(1)).replace("STACK", STACK).replace("OTHER", "local")
    words = re.sub(r"'[^']*'", "reason", words).replace("sha256:6b1f…", digest(1)).split()
    if words[:2] == ["sudo", "make"]:
        assert f"\n{words[2]}: " in (ROOT / "Makefile").read_text(encoding="utf-8")
        return
    assert words[0] == "fleet", page
    command, rest = typer.main.get_command(app), words[1:]
    while isinstance(command, TyperGroup):
        command, rest = command.commands[rest[0]], rest[1:]
    assert not command.make_context(words[1], rest).args


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(
    "command", sorted({line for _, line in commands() if re.match(r"fleet release (s|h|d)\w+", line)})
)
def test_a_page_s_command_that_only_looks_is_run(command: str) -> None:
    words = command.replace("STACK", STACK).replace("OTHER", STACK).split()[2:]
    if words[0] in {"status", "history", "diff"}:
        told(*[STACK if word == "gcp-europe-west4" else word for word in words])


def test_what_was_released_is_written_into_another_checkouts_files(
    backend: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del backend
    checkout = tmp_path / "checkout"
    (checkout / "tenants").mkdir(parents=True)
    for file in [*ROOT.glob("Pulumi.*.yaml"), *(ROOT / "tenants").glob("*.yaml")]:
        (checkout / file.relative_to(ROOT)).write_bytes(file.read_bytes())
    monkeypatch.setattr("fleet.stacks.clone_dir", lambda: checkout)
    untouched = (checkout / "Pulumi.gcp-europe-west4.yaml").read_bytes()
    first = CliRunner().invoke(app, ["release", "pin", "--json"])
    assert first.exit_code == 0, first.output
    assert {row["stack"] for row in json.loads(first.stdout)} == {STACK}
    assert artefacts(1).server in (checkout / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8")
    assert (checkout / "Pulumi.gcp-europe-west4.yaml").read_bytes() == untouched
    assert json.loads(CliRunner().invoke(app, ["release", "pin", "--json"]).stdout) == []
