"""Builds a module of three lines with the real Go compiler: what matters is what happens around it."""

import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toolchain import builder, recipes
from toolchain.errors import BuildError, DiskFullError, GoTooOldError
from toolchain.go_compiler import find_go
from toolchain.locations import cache_dir
from toolchain.progress import PlainProgress
from toolchain.recipes import Recipe

DEADLINE_S = 60
SLEEPING = 'package main\n\nimport "time"\n\nfunc main() { time.Sleep(time.Hour) }\n'


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe of its own in a cache of its own; the standard library comes compiled from the user's cache."""
    compiled = cache_dir() / "go-build"
    compiled.mkdir(parents=True, exist_ok=True)
    modules, cache = tmp_path / "modules", tmp_path / "cache"
    cache.mkdir()
    (cache / "go-build").symlink_to(compiled)
    module = modules / "hello"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module example.invalid/hello\n\ngo 1.21\n")
    (module / "go.sum").touch()
    (module / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    recipe = Recipe(
        name="hello",
        version="1.0.0",
        commands={"hello": "example.invalid/hello"},
        purpose="a test",
        cold_bytes=1,
    )
    monkeypatch.setattr(recipes, "_MODULES", modules)
    for name in list(recipes.RECIPES):
        monkeypatch.delitem(recipes.RECIPES, name)
    monkeypatch.setitem(recipes.RECIPES, "hello", recipe)
    monkeypatch.setenv("MODELFLEET_CACHE", str(cache))
    monkeypatch.setattr(builder, "_WARM_BYTES", 1)
    return recipe


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.01)


def inode(folder: Path) -> int:
    return (folder / "hello").stat().st_ino


@pytest.mark.usefixtures("hello")
def test_a_built_tool_runs_and_is_built_once(capsys: pytest.CaptureFixture[str]) -> None:
    folder = builder.ensure("hello")
    done = subprocess.run([folder / "hello"], capture_output=True, text=True, check=True)
    assert done.stderr == "hello\n"
    assert "hello 1.0.0 built" in capsys.readouterr().err
    before = inode(folder)
    assert builder.ensure("hello") == folder
    assert inode(folder) == before
    assert capsys.readouterr().err == ""
    assert builder.is_built("hello")


def test_another_flag_or_pin_is_another_build(hello: Recipe) -> None:
    go = find_go()
    key = builder.key(hello, go)
    (hello.module_dir / "go.sum").write_text("\n")
    assert builder.key(hello, go) != key
    assert key.startswith("hello-1.0.0-")


@pytest.mark.usefixtures("hello")
def test_a_damaged_build_is_made_again() -> None:
    folder = builder.ensure("hello")
    (folder / "hello").write_bytes(b"cut short")
    assert not builder.is_built("hello")
    assert builder.ensure("hello") == folder
    assert subprocess.run([folder / "hello"], check=False, capture_output=True).returncode == 0


def test_a_failed_build_leaves_nothing(hello: Recipe) -> None:
    (hello.module_dir / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(BuildError, match="undefined: nonsense"):
        builder.ensure("hello")
    assert [path.name for path in (cache_dir() / "tools").iterdir()] == [".locks"]


def test_too_little_space_is_said_before_anything_starts(hello: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "_WARM_BYTES", 1 << 60)
    monkeypatch.setitem(recipes.RECIPES, "hello", dataclasses.replace(hello, cold_bytes=1 << 60))
    with pytest.raises(DiskFullError, match=r"are free.*MODELFLEET_CACHE"):
        builder.ensure("hello")


def test_a_module_for_a_newer_go_is_refused(hello: Recipe) -> None:
    (hello.module_dir / "go.mod").write_text("module example.invalid/hello\n\ngo 1.999\n")
    with pytest.raises(GoTooOldError, match=r"1\.999"):
        builder.ensure("hello")


@pytest.mark.usefixtures("hello")
def test_without_go_a_finished_build_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = builder.ensure("hello")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("toolchain.go_compiler._USUAL_PLACES", ())
    assert builder.ensure("hello") == folder
    assert builder.is_built("hello")


def _ensure_in_a_process(results: "multiprocessing.Queue[tuple[str, int]]") -> None:
    folder = builder.ensure("hello", PlainProgress())
    results.put((str(folder), inode(folder)))


@pytest.mark.usefixtures("hello")
def test_of_several_processes_one_builds() -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_ensure_in_a_process, args=(results,)) for _ in range(4)]
    for process in processes:
        process.start()
    found = {results.get(timeout=DEADLINE_S) for _ in processes}
    for process in processes:
        process.join(DEADLINE_S)
    assert len(found) == 1


def test_a_killed_build_leaves_no_half_tool_and_the_next_one_recovers(hello: Recipe, tmp_path: Path) -> None:
    """A `go` that hangs stands for a long build; it is killed together with the process that started it."""
    real = find_go()
    started, fake = tmp_path / "started", tmp_path / "bin" / "go"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\ncase "$1" in build) echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600;; esac\n'
        f'exec {real.path} "$@"\n'
    )
    fake.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from toolchain import builder, recipes\n"
        f"recipes._MODULES = Path({str(hello.module_dir.parent)!r})\n"
        "builder._WARM_BYTES = 1\n"
        "recipes.RECIPES['hello'] = recipes.Recipe(name='hello', version='1.0.0', "
        "commands={'hello': 'example.invalid/hello'}, purpose='', cold_bytes=1)\n"
        "builder.ensure('hello')\n"
    )
    environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE) as process:
        until(started.exists)
        process.send_signal(signal.SIGKILL)
    compiler = Path("/proc") / started.read_text().strip()
    until(lambda: not compiler.exists() or "Z" in (compiler / "stat").read_text().split(")")[1][:3])
    assert not builder.is_built("hello")
    folder = builder.ensure("hello")
    assert subprocess.run([folder / "hello"], check=False, capture_output=True).returncode == 0
    assert not list((cache_dir() / "tools").glob(".building-*"))


def test_prune_removes_superseded_builds_but_not_one_in_use(hello: Recipe) -> None:
    old = builder.ensure("hello")
    (hello.module_dir / "main.go").write_text(SLEEPING)
    (hello.module_dir / "go.sum").write_text("\n")
    used = builder.ensure("hello")
    (hello.module_dir / "go.sum").write_text("\n\n")
    current = builder.ensure("hello")
    assert len({old, used, current}) == 3
    with subprocess.Popen([used / "hello"], stderr=subprocess.DEVNULL) as running:
        until(lambda: Path(f"/proc/{running.pid}/exe").readlink() == used / "hello")
        assert builder.prune() == [old]
        assert used.exists()
        running.kill()
    assert builder.prune() == [used]
    assert current.exists()
    assert builder.prune(everything=True) == [current]


@pytest.mark.usefixtures("hello")
def test_the_receipt_says_what_was_built() -> None:
    folder = builder.ensure("hello")
    receipt = json.loads((folder / "built.json").read_text())
    assert receipt["version"] == "1.0.0"
    assert receipt["go"] == find_go().version
    assert receipt["files"] == {"hello": (folder / "hello").stat().st_size}
