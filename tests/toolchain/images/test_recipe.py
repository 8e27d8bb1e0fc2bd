"""What goes into an image, and the digest over it."""

import ast
import re
import time
from pathlib import Path

import pytest

from toolchain.images import base_image, cpu_torch, recipe
from toolchain.images.errors import BaseImageError, UnknownImageError
from toolchain.locations import clone_dir

BASE = "registry.example/python@sha256:" + "ab" * 32


def test_an_unknown_image_is_told_which_there_are() -> None:
    with pytest.raises(UnknownImageError, match="gateway, prometheus, server"):
        recipe.source_digest("sever")


def test_the_digest_is_stable_and_fast() -> None:
    first = recipe.source_digest("server")
    started = time.process_time()
    assert recipe.source_digest("server") == first
    assert time.process_time() - started < 0.2


def test_each_input_changes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {
        recipe.source_digest("gateway"),
        recipe.source_digest("server"),
        recipe.source_digest("server", accelerator=recipe.Accelerator.CUDA),
        recipe.source_digest("gateway", base=BASE),
        recipe.source_digest("prometheus"),
    }
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    digests.add(recipe.source_digest("gateway"))
    assert len(digests) == 6


def test_the_gpu_variant_has_the_same_packages_and_those_of_gpus_besides() -> None:
    server = recipe.recipe_of("server")
    locked = [server.locked_packages(cpu=cpu) for cpu in (True, False)]
    cpu, cuda = ({*re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE)} for text in locked)
    assert cpu < cuda
    besides = {pinned.partition("==")[0] for pinned in cuda - cpu}
    assert {"triton", "nvidia-cublas"} <= besides
    assert all(cpu_torch.is_gpu_package(name) for name in besides)
    assert server.room_bytes(recipe.Accelerator.CUDA) > 2 * server.room_bytes(recipe.Accelerator.CPU)


def test_a_changed_source_file_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.source_digest("gateway")
    changed = tmp_path / "changed.py"
    changed.write_text("changed = True\n")
    files = list(recipe.recipe_of("gateway").files())
    monkeypatch.setattr(recipe.ImageRecipe, "files", lambda _: iter([*files[:-1], (files[-1][0], changed)]))
    assert recipe.source_digest("gateway") != before


@pytest.mark.parametrize(
    "base", ["python:3.11", "registry.example/python:3.11", "python@sha256:" + "ab" * 32, "x/y@sha256:12"]
)
def test_a_base_that_is_not_pinned_is_refused(base: str) -> None:
    with pytest.raises(BaseImageError, match="pinned"):
        recipe.source_digest("gateway", base=base)


def test_a_base_whose_registry_does_not_answer_is_an_error_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFLEET_CACHE", str(tmp_path))
    unreachable = "127.0.0.1:9/python@sha256:" + "ab" * 32
    with pytest.raises(BaseImageError, match="does not answer"):
        base_image.obtain(unreachable, epoch_s=recipe.DEFAULT_EPOCH_S, say=print)


@pytest.mark.parametrize("name", sorted(recipe.RECIPES))
def test_an_image_holds_every_package_of_ours_that_it_imports(name: str) -> None:
    shipped = {relative for relative, _ in recipe.recipe_of(name).files()}
    missing = {}
    for relative, path in recipe.recipe_of(name).files():
        if not (relative.startswith("service/") and relative.endswith(".py")):
            continue
        for module in _our_imports(path):
            location = module.replace(".", "/")
            if f"{location}.py" not in shipped and f"{location}/__init__.py" not in shipped:
                missing[module] = relative
    assert not missing


@pytest.mark.parametrize("name", sorted(recipe.RECIPES))
def test_a_containerfile_runs_as_nobody_in_particular_and_starts_one_program(name: str) -> None:
    made = recipe.recipe_of(name)
    text = made.containerfile.read_text()
    assert "USER 65532:65532" in text
    if made.program is None:
        assert f'ENTRYPOINT ["{made.entry_point}", "-m", "service.{name}"]' in text
        assert (clone_dir() / "service" / name / "__main__.py").exists()
    else:
        assert f'ENTRYPOINT ["{made.entry_point}"]' in text


def _our_imports(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
    return {module for module in modules if module == "service" or module.startswith("service.")}
