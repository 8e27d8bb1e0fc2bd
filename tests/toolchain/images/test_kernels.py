from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from service.engine.kernels import build as kernels
from toolchain.images import kernels as image_kernels
from toolchain.images.errors import BuildFailedError
from toolchain.images.recipe import RECIPES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("MODELFLEET_CACHE", str(cache))
    return cache


def _context(name: str, folder: Path) -> Path:
    for relative, path in RECIPES[name].files():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / relative)
    return folder


def test_the_servers_context_gets_the_library_that_its_sources_look_for(tmp_path: Path, cache: Path) -> None:
    (cache / "kernels").mkdir(parents=True)
    shutil.copy(kernels.build(), cache / "kernels")  # as an earlier image's build left it
    context, said = _context("server", tmp_path / "context"), list[str]()
    image_kernels.add_to(context, say=said.append)
    assert said == []
    script = "from service.engine.kernels.build import library_path; print(library_path())"
    wanted = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(context)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout.strip()
    assert wanted == str(next((context / "service/engine/kernels/lib").iterdir()))


def test_an_image_without_an_engine_gets_none(tmp_path: Path, cache: Path) -> None:
    context = _context("gateway", tmp_path / "context")
    image_kernels.add_to(context, say=pytest.fail)
    assert not list(context.rglob("*.so"))
    assert not cache.exists()


def test_without_a_compiler_the_build_says_so(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, said = _context("server", tmp_path / "context"), list[str]()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailedError, match=r"no g\+\+ on PATH"):
        image_kernels.add_to(context, say=said.append)
    assert said == ["compiling the model server's kernels"]
    assert not list(cache.rglob("*.so"))
