import os
from pathlib import Path

import pytest

from toolchain import packages
from toolchain.errors import DiskFullError, PackagesError
from toolchain.progress import PlainProgress


class Apt:
    """Fake dpkg-query and apt-get on PATH: what they print is Debian's, what they install is a line in a file."""

    def __init__(self, folder: Path) -> None:
        self.installed = folder / "installed"
        self.log = folder / "log"
        self.answer = folder / "answer"
        self.installed.write_text("runc ii \nold rc \n")
        for name, body in {
            "dpkg-query": f"cat {self.installed}; exit 1",
            "apt-get": (
                f'echo "$DEBIAN_FRONTEND $@" >> {self.log}\n'
                f"if [ -s {self.answer} ]; then cat {self.answer}; rm {self.answer}; exit 100; fi\n"
                f'case "$*" in *install*) for last; do echo "$last ii " >> {self.installed}; done;; esac'
            ),
        }.items():
            (folder / name).write_text(f"#!/bin/sh\n{body}\n")
            (folder / name).chmod(0o755)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    fake = Apt(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "_PAUSE_S", 0.0)
    monkeypatch.setattr(packages, "_index_age_s", lambda: 0.0)
    return fake


def test_removed_packages_with_configuration_left_are_missing(apt: Apt) -> None:
    assert apt.installed.exists()
    assert packages.missing({"runc", "old", "unheard-of"}) == ["old", "unheard-of"]


def test_nothing_is_touched_when_nothing_is_missing(apt: Apt) -> None:
    assert packages.ensure({"runc"}) == []
    assert not apt.log.exists()


def test_only_the_missing_ones_are_installed_without_questions(apt: Apt) -> None:
    assert packages.ensure({"runc", "socat"}, PlainProgress()) == ["socat"]
    (line,) = apt.log.read_text().splitlines()
    assert line.startswith("noninteractive")
    assert line.endswith("install --yes --no-install-recommends socat")
    assert "DPkg::Lock::Timeout=120" in line


def test_old_package_lists_are_refreshed_first(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_index_age_s", lambda: float("inf"))
    packages.ensure({"socat"})
    assert [line.split()[-1] for line in apt.log.read_text().splitlines()] == ["update", "socat"]


def test_a_mirror_that_stumbles_is_asked_again(apt: Apt) -> None:
    apt.answer.write_text("E: Failed to fetch http://mirror/socat.deb  404  Not Found\n")
    assert packages.ensure({"socat"}) == ["socat"]


@pytest.mark.parametrize(
    ("said", "error", "expected"),
    [
        ("E: You don't have enough free space in /var/cache/apt/archives/.", DiskFullError, "room under /var"),
        ("E: Sub-process /usr/bin/dpkg returned an error code (1)", PackagesError, "dpkg --configure -a"),
    ],
)
def test_a_failure_says_what_to_do(apt: Apt, said: str, error: type[Exception], expected: str) -> None:
    apt.answer.write_text(said)
    with pytest.raises(error, match=expected):
        packages.ensure({"socat"})


def test_without_root_the_command_is_named(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PackagesError, match="sudo apt-get install socat"):
        packages.ensure({"socat"})
    assert not apt.log.exists()


def test_another_system_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesError, match=r"isn't Debian.*socat"):
        packages.ensure({"socat"})
