"""The peers' own Python environment: theirs need versions that ours must not have.

Made with uv from ``requirements.txt``, which pins every package. What was installed stays; after an interruption the
next run goes on where it stopped. llama.cpp is compiled here, for this processor: ten minutes of one core.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_HOME = Path(os.environ.get("MODELFLEET_CACHE") or Path.home() / ".cache" / "modelfleet")
ENVIRONMENT = _HOME / "peers-venv"
WORK = _HOME / "peers"
"""Where the model and what the peers convert it to is kept."""


def python() -> Path:
    """The environment's interpreter, after making what is missing.

    Raises:
        SystemExit: there is no uv, or it failed.
    """
    program = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / ".requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return program
    uv = _uv()
    if not program.is_file():
        _run(uv, "venv", "--python", sys.executable, "--allow-existing", str(ENVIRONMENT))
    _run(uv, "pip", "install", "--python", str(program), "--requirements", str(REQUIREMENTS))
    stamp.write_text(wanted, "utf-8")
    return program


def _uv() -> str:
    """The uv that made the project's environment, or one on PATH."""
    ours = sorted(_HOME.glob("uv-*/bin/uv"))
    found = str(ours[-1]) if ours else shutil.which("uv")
    if found is None:
        raise SystemExit("no uv to make the peers' environment with: run `make setup` first")
    return found


def _run(*command: str) -> None:
    build = {"CMAKE_ARGS": "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF"}
    if subprocess.run(command, env={**os.environ, **build}, check=False).returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed; what was installed is kept, run this again")
