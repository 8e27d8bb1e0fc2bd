"""A program of a Debian package, for an image of ours that ships somebody else's program.

Only the program, its licence and its entry in dpkg's list are taken: what else its package brings (a service's unit,
a web page's scripts) and what it depends on (`adduser`) is for a whole machine. Its shared libraries are the base
image's.
"""

import hashlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from toolchain.images import debian
from toolchain.images.errors import DebianPackagesError
from toolchain.locations import cache_dir


@dataclass(frozen=True)
class DebianProgram:
    """What is taken of a package.

    Attributes:
        package: Its name.
        path: Where the program lies, without a leading slash.
    """

    package: str
    path: str

    @property
    def identity(self) -> str:
        """What decides the program, as far as it is known without a network: Debian says which version is good."""
        made_by = b"".join(Path(file).read_bytes() for file in (__file__, debian.__file__))
        return f"debian {debian.SUITE} {self.package} {self.path} {hashlib.sha256(made_by).hexdigest()[:16]}"

    @property
    def status(self) -> str:
        """Where scanners look for packages that came into an image one by one."""
        return f"{debian.STATUS}.d/{self.package}"

    @property
    def licence(self) -> str:
        """Where its licence lies."""
        return f"usr/share/doc/{self.package}/copyright"


def obtain(program: DebianProgram, *, epoch_s: int, say: Callable[[str], None]) -> Path:
    """Give a folder that holds the program as an image shall; nothing in it may be written to.

    Raises:
        DebianPackagesError: the package can't be fetched, or has changed its layout.
    """
    key = hashlib.sha256(f"{program.identity} {epoch_s}".encode()).hexdigest()[:24]
    folder = cache_dir() / "images" / f"program-{program.package}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".program-{program.package}.lock"):
        if not folder.exists():
            for left in folder.parent.glob(f".program-{program.package}-part-*"):  # of one that was killed
                shutil.rmtree(left)
            say(f"taking {program.path} from Debian {debian.SUITE}'s package {program.package}")
            with tempfile.TemporaryDirectory(prefix=f".program-{program.package}-part-", dir=folder.parent) as scratch:
                archive = Path(scratch) / "packages.tar"
                debian.extract([program.package], archive, epoch_s=epoch_s)
                _choose(program, archive, Path(scratch) / "tree")
                for old in folder.parent.glob(f"program-{program.package}-*"):
                    shutil.rmtree(old)
                (Path(scratch) / "tree").rename(folder)
    return folder


def _choose(program: DebianProgram, archive: Path, tree: Path) -> None:
    wanted = {program.path: 0o755, program.licence: 0o644, debian.STATUS: 0o644}
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as packages:
        for entry in packages:
            name = entry.name.removeprefix("./")
            if name in wanted and (content := packages.extractfile(entry)) is not None:
                found[name] = content.read()
    if missing := wanted.keys() - found.keys():
        raise DebianPackagesError(
            f"Debian {debian.SUITE}'s package {program.package} holds no {', '.join(sorted(missing))}: its layout has "
            "changed, so has its recipe to (toolchain/images/recipe.py)"
        )
    found[program.status] = _entry(program.package, found.pop(debian.STATUS))
    for name, content in found.items():
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(wanted.get(name, 0o644))
    for folder in (tree, *(path for path in tree.rglob("*") if path.is_dir())):
        folder.chmod(0o755)  # whoever builds it, with whichever umask


def _entry(package: str, status: bytes) -> bytes:
    for entry in re.split(r"\n\n+", status.decode()):
        if entry.startswith(f"Package: {package}\n"):
            return entry.encode() + b"\n"
    raise DebianPackagesError(f"dpkg's list has no package {package} though it was unpacked")
