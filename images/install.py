# ruff: noqa: INP001 - a program of a build stage, no module of a package
"""Runs in an image's build stage, with the image's own Python: lays out a tree of packages or code, compiled.

    install.py packages SOURCE TARGET PROOF   copy installed packages, run a proof with them, compile what it imported
    install.py code SOURCE TARGET             copy our code, compile all of it

Compiled files are of the kind that is never checked against its source: the image can't change, and a container's
root file system is read-only, so what isn't compiled here would be compiled at every start. Of the packages only what
is used is compiled: transformers alone has 2,500 modules of models that a server doesn't load, and compiling all would
take longer than the rest of the build. For the same bytes in every build there is a fixed hash seed, a fixed order,
and a fixed division among two processes.
"""

import compileall
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

_SHARDS = 2
_PYTHON = (sys.executable, "-B", "-P", "-s")
# Runs the proof, then tells which files it had imported.
_RECORD = """
import json, runpy, sys
runpy.run_path(sys.argv[1], run_name="__main__")
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
with open(sys.argv[2], "w") as record:
    json.dump(sorted(file for file in files if file), record)
"""


def main(arguments: list[str]) -> int:
    """Run one of the commands; return the exit code."""
    match arguments:
        case ["packages", source, target, proof]:
            _copy(Path(source), Path(target))
            _compile(_imported_by(Path(proof), Path(target)))
        case ["code", source, target]:
            _copy(Path(source), Path(target))
            _compile(sorted(Path(target).rglob("*.py")))
        case ["shard"]:
            _compile_shard([Path(line) for line in sys.stdin.read().splitlines()])
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    return 0


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


def _imported_by(proof: Path, packages: Path) -> list[Path]:
    """Run the proof; return which of the packages' source files it imported.

    Every symbol of every library is bound at once: a missing one must stop the build, not a request.
    """
    record = Path("/tmp/imported.json")  # noqa: S108 - of a build stage, where nobody else is
    environment = {**os.environ, "PYTHONPATH": str(packages), "PYTHONHASHSEED": "0", "LD_BIND_NOW": "1"}
    subprocess.run([*_PYTHON, "-c", _RECORD, str(proof), str(record)], env=environment, check=True)
    files = [Path(name) for name in json.loads(record.read_text())]
    record.unlink()
    return [file for file in files if file.suffix == ".py" and file.is_relative_to(packages)]


def _compile(files: list[Path]) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    running = []
    for number in range(_SHARDS):
        shard = subprocess.Popen([*_PYTHON, __file__, "shard"], env=environment, stdin=subprocess.PIPE, text=True)
        running.append((shard, "\n".join(map(str, files[number::_SHARDS]))))
    for shard, listed in running:  # a list is longer than a pipe holds, and a shard reads all before it works
        if shard.stdin is not None:
            shard.stdin.write(listed)
            shard.stdin.close()
    if any(codes := [shard.wait() for shard, _ in running]):
        sys.exit(f"compiling failed: exit codes {codes}")


def _compile_shard(files: list[Path]) -> None:
    for file in files:
        if not compileall.compile_file(file, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH):
            sys.exit(f"{file} does not compile")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
