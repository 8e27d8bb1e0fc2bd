"""`fleet image sign` and `verify`: what they refuse before anything is asked."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet import console
from fleet.app import app

IMAGE = f"registry.example/gateway@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sign", IMAGE], "say what signs"),
        (["sign", IMAGE, "--key", "images.key", "--keyless"], "say what signs"),
        (["sign", IMAGE, "--key", "images.key", "--trusted-root", "root.json"], "a --key does without"),
        (["sign", IMAGE, "--keyless", "--trusted-root", "root.json"], "both of its files"),
        (["sign", IMAGE, "--keyless"], "was not built on this machine"),
        (["verify", IMAGE], "say who must have signed"),
        (["verify", IMAGE, "--key", "images.pub", "--identity", "x"], "say who must have signed"),
        (["verify", IMAGE, "--key", "images.pub", "--issuer", "https://tokens.example"], "a --key does without"),
        (["verify", IMAGE, "--identity", "x", "--trusted-root", "none.json"], "no such trusted root"),
        (["verify", "registry.example/gateway:1", "--identity", "x"], "a tag may be another image tomorrow"),
    ],
)
def test_what_is_refused(words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_CACHE", str(tmp_path))
    done = CliRunner().invoke(app, ["image", *words])
    assert done.exception is not None
    assert told in (console.foreseen(done.exception) or pytest.fail(repr(done.exception)))
