"""The salt that the engine writes into a stack file never reaches the committed one."""

from pathlib import Path

import pytest

from fleet.run_config import RunConfig

TEXT = "config:\n  modelfleet:cloud: local\n"
SALT = "encryptionsalt: v1:abc:def\n"


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(TEXT, encoding="utf-8")
    return file


def test_a_salt_written_on_creation_moves_to_the_run_file(committed: Path) -> None:
    config = RunConfig(committed)
    with config.kept_clean():
        committed.write_text(TEXT + SALT, encoding="utf-8")  # what `pulumi stack init` does
    assert committed.read_text(encoding="utf-8") == TEXT
    with config.file() as file:
        assert file.read_text(encoding="utf-8") == TEXT + SALT


def test_the_salt_survives_an_edit_of_the_committed_file(committed: Path) -> None:
    config = RunConfig(committed)
    with config.file() as file:
        file.write_text(TEXT + SALT, encoding="utf-8")  # what `pulumi up` does
    committed.write_text(TEXT + "  modelfleet:region: local\n", encoding="utf-8")
    with config.file() as file:
        assert file.read_text(encoding="utf-8") == TEXT + "  modelfleet:region: local\n" + SALT


def test_a_committed_salt_is_used_as_it_is(committed: Path) -> None:
    committed.write_text(TEXT + SALT, encoding="utf-8")
    config = RunConfig(committed)
    with config.kept_clean(), config.file() as file:
        assert file == committed
    assert committed.read_text(encoding="utf-8") == TEXT + SALT


def test_it_is_kept_clean_when_the_creation_fails(committed: Path) -> None:
    def fail() -> None:
        with RunConfig(committed).kept_clean():
            committed.write_text(TEXT + SALT, encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert committed.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize("salt", ["", SALT])
def test_what_counts_for_one_operation_is_in_no_committed_file(committed: Path, salt: str) -> None:
    committed.write_text(TEXT + salt, encoding="utf-8")
    with RunConfig(committed).file(deleteData="true") as file:
        assert file != committed
        assert file.read_text(encoding="utf-8") == "config:\n  modelfleet:deleteData: true\n" + TEXT[8:] + salt
    assert committed.read_text(encoding="utf-8") == TEXT + salt


def test_what_the_next_update_must_know_is_written_into_the_committed_file(committed: Path) -> None:
    RunConfig(committed).record("kept", "[a]")
    RunConfig(committed).record("kept", "[a, b]")
    assert committed.read_text(encoding="utf-8") == "config:\n  modelfleet:kept: [a, b]\n" + TEXT[8:]
