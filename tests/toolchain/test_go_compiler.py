from pathlib import Path

import pytest

from toolchain.errors import (
    BuildError,
    ChecksumError,
    DiskFullError,
    GoMissingError,
    GoTooOldError,
    ModuleRefusedError,
    ToolchainError,
)
from toolchain.go_compiler import Go, explain_failure, find_go


@pytest.mark.parametrize(
    ("line", "error", "advice"),
    [
        ("reading https://proxy/x/@v/v1.zip: 403 Forbidden", ModuleRefusedError, "GOPROXY"),
        ("reading https://proxy/x/@v/v1.mod: 404 Not Found", ModuleRefusedError, "GOPROXY"),
        ("dial tcp: lookup proxy: no such host", ModuleRefusedError, "Check the network"),
        ("verifying x@v1: checksum mismatch", ChecksumError, "go-mod"),
        ("x.go:1: missing go.sum entry for module providing package x", ChecksumError, "go.sum"),
        ("link: write $WORK/a: no space left on device", DiskFullError, "MODELFLEET_CACHE"),
        ("go: go.mod requires go >= 1.27 (running go 1.25)", GoTooOldError, "first on PATH"),
        ("compile: signal: killed", BuildError, "memory"),
        ("x.go:3:1: undefined: y", BuildError, "undefined: y"),
    ],
)
def test_a_failure_becomes_the_error_that_it_means(line: str, error: type[ToolchainError], advice: str) -> None:
    explained = explain_failure(["go: downloading x v1", line], what="building x")
    assert type(explained) is error
    assert advice in str(explained)
    assert line in str(explained)


def test_no_go_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("toolchain.go_compiler._USUAL_PLACES", ())
    with pytest.raises(GoMissingError, match=r"Install Go 1\.25"):
        find_go()


def test_go_is_found_off_path_and_asked_for_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "go" / "bin" / "go"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\necho go1.99.3\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("toolchain.go_compiler._USUAL_PLACES", (str(tmp_path / "*" / "bin"),))
    assert find_go() == Go(script, "1.99.3")


def test_an_old_go_is_refused_with_both_versions() -> None:
    with pytest.raises(GoTooOldError, match=r"Go 1\.19\.8.*pulumi 3 needs Go 1\.25\.11"):
        Go(Path("/usr/bin/go"), "1.19.8").require("1.25.11", of="pulumi 3")
    Go(Path("/usr/bin/go"), "1.26").require("1.25.11", of="pulumi 3")


def test_a_user_s_own_go_settings_decide_nothing_but_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOWORK", "/somewhere/go.work")
    monkeypatch.setenv("GOPROXY", "https://proxy.corp")
    environment = Go(Path("/usr/bin/go"), "1.26").environment()
    assert "-mod=readonly" in environment["GOFLAGS"]
    assert environment["GOWORK"] == "off"
    assert environment["GOTOOLCHAIN"] == "local"
    assert environment["GOPROXY"] == "https://proxy.corp"
