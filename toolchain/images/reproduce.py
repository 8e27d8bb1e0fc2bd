"""Builds an image twice, each time from a clean clone with an empty cache, and compares: `make image-reproducible`.

What the two have in common is this machine's kernel, its builder and the mirrors' packages of the day. A difference is
told by file, so that one knows where a time, an order or a path has got in.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.images import dependencies, oci_layout
from toolchain.images.built_image import build
from toolchain.images.contents import opened_layer
from toolchain.images.errors import BuildFailedError
from toolchain.locations import clone_dir

_SHOWN = 20


def main(arguments: list[str]) -> int:
    """Run one of the commands; return the exit status."""
    match arguments:
        case ["in-clone", name]:  # what each of the two runs
            built = build(name, on_progress=_tell)
            sys.stdout.write(json.dumps({"digest": built.digest, "archive": str(built.archive)}))
            return 0
        case [name]:
            try:
                return _compare(name)
            except ToolchainError as error:
                sys.stderr.write(f"error: {error}\n")
                return 1
        case _:
            sys.stderr.write(f"{__doc__}\nusage: python -m toolchain.images.reproduce IMAGE\n")
            return 2


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _compare(name: str) -> int:
    with tempfile.TemporaryDirectory(prefix="modelfleet-reproduce-") as scratch:
        first, second = (_built_in_clone(Path(scratch) / str(number), name) for number in (1, 2))
        sys.stdout.write(f"{name}: {first['digest']}\n{name}: {second['digest']}\n")
        if first["digest"] == second["digest"]:
            sys.stdout.write("two builds from clean clones, one digest\n")
            return 0
        one, two = (_files(Path(built["archive"])) for built in (first, second))
        different = sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))
        for path in different[:_SHOWN]:
            sys.stdout.write(f"differs: {path}: {one.get(path, 'missing')} {two.get(path, 'missing')}\n")
        sys.stdout.write(f"{len(different)} files differ\n")
        return 1


def _built_in_clone(folder: Path, name: str) -> dict[str, str]:
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(clone_dir()), str(clone)], check=True)
    environment = {
        **os.environ,
        "MODELFLEET_CACHE": str(folder / "cache"),
        "PATH": f"{dependencies.find_uv().parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(clone),
    }
    command = [sys.executable, "-m", "toolchain.images.reproduce", "in-clone", name]
    done = subprocess.run(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BuildFailedError(f"image '{name}' can't be built from a clean clone of {clone_dir()}")
    return json.loads(done.stdout)


def _files(archive: Path) -> dict[str, str]:
    """What each file of an image's layers is, in a line: mode, owner, time, size, content."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="modelfleet-layers-") as scratch:
        layout = Path(scratch)
        manifest = oci_layout.unpack(archive, layout)
        found["(configuration)"] = json.dumps(oci_layout.read_config(layout, manifest), sort_keys=True)
        for number, layer in enumerate(manifest.layers):
            with opened_layer(oci_layout.blob_path(layout, layer.digest), layer.media_type) as tar:
                for entry in tar:
                    found[f"layer {number}: {entry.name}"] = _line(tar, entry)
    return found


def _line(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    content = tar.extractfile(entry) if entry.isfile() else None
    digest = "" if content is None else hashlib.sha256(content.read()).hexdigest()
    return f"{entry.mode:o} {entry.uid}:{entry.gid} {entry.mtime} {entry.size} {entry.linkname}{digest}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
