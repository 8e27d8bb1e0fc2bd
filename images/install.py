# ruff: noqa: INP001 - a program of a build stage, no module of a package
"""Runs in an image's build stage, with the image's own Python: lays out a tree of packages or code, compiled.

    install.py packages SOURCE TARGET   copy installed packages, compile them, import $PROOF_IMPORTS from them
    install.py code SOURCE TARGET       copy our code, compile it

Compiled files are of the kind that is never checked against its source: the image can't change, and a container's
root file system is read-only, so what isn't compiled here would be compiled at every start. For the same result in
every build there is a fixed hash seed, a fixed order, and a fixed division among two processes.
"""

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

_SHARDS = 2


def main(arguments: list[str]) -> int:
    """Run one of the commands; return the exit code."""
    match arguments:
        case ["packages", source, target]:
            _copy(Path(source), Path(target))
            _compile(Path(target))
            return _prove(Path(target), os.environ["PROOF_IMPORTS"].split())
        case ["code", source, target]:
            _copy(Path(source), Path(target))
            _compile(Path(target))
            return 0
        case ["shard", target, number]:
            return _compile_shard(Path(target), int(number))
        case _:
            sys.stderr.write(__doc__ or "")
            return 2


def _copy(source: Path, target: Path) -> None:
    """Copy a tree; permissions are set, not kept: they depend on who checked it out."""
    for folder, subfolders, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(mode=0o755, parents=True, exist_ok=True)
        here.chmod(0o755)
        subfolders[:] = sorted(name for name in subfolders if name != "__pycache__")
        for name in sorted(files):
            original, copy = Path(folder, name), here / name
            if original.is_symlink():
                copy.symlink_to(original.readlink())
                continue
            shutil.copyfile(original, copy)
            copy.chmod(0o755 if os.access(original, os.X_OK) else 0o644)


def _compile(target: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-I", __file__, "shard", str(target)]
    # Not -I, which would ignore the hash seed along with the rest of the environment.
    command = [sys.executable, "-B", "-P", "-s", __file__, "shard", str(target)]
    running = [subprocess.Popen([*command, str(number)], env=environment) for number in range(_SHARDS)]
    if any(codes := [process.wait() for process in running]):
        sys.exit(f"compiling failed: exit codes {codes}")


def _compile_shard(target: Path, number: int) -> int:
    for index, source in enumerate(sorted(target.rglob("*.py"))):
        if index % _SHARDS == number:
            # A template or a file for another Python doesn't compile, and isn't imported either.
            compileall.compile_file(source, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return 0


def _prove(target: Path, modules: list[str]) -> int:
    """Import the modules with every symbol of every library bound at once: a missing one must stop the build."""
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    environment = {**os.environ, "PYTHONPATH": str(target), "LD_BIND_NOW": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-B", "-c", program, *modules], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
