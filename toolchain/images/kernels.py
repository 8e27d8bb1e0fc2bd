"""The model server's compiled kernels: made on this machine, put beside their sources in an image's build context.

An image's base has no compiler, and needs none: the library uses nothing but the C library, of which it needs an older
version than any base has. It is compiled once for each state of its sources and kept with the other built things.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from service.engine.kernels import build as kernels
from toolchain.images.errors import BuildFailedError
from toolchain.locations import cache_dir, clone_dir


def add_to(context: Path, *, say: Callable[[str], None]) -> None:
    """Put the compiled kernels into a build context that has their sources; leave any other as it is.

    Args:
        context: a copy of parts of the repository.
        say: is told when there is something to compile.

    Raises:
        BuildFailedError: the kernels can't be compiled; the message says why.
    """
    if not (context / kernels.SOURCES.relative_to(clone_dir())).is_dir():
        return
    folder = cache_dir() / "kernels"
    if not kernels.library_path(folder).is_file():
        say("compiling the model server's kernels")
    try:
        library = kernels.build(folder)
    except kernels.KernelBuildError as error:
        raise BuildFailedError(str(error)) from None
    target = context / kernels.LIBRARIES.relative_to(clone_dir())
    target.mkdir(mode=0o755)
    shutil.copyfile(library, target / library.name)
    (target / library.name).chmod(0o644)
