"""What builds a Containerfile: the protocol, and the choice between buildah and docker buildx."""

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from toolchain.images.base_image import BaseImage
from toolchain.images.errors import BuilderMissingError, BuildFailedError

# Says which builder to use where both are there.
BUILDER_VARIABLE = "MODELFLEET_IMAGE_BUILDER"
_LAST_LINES = 30
_STEP_CHARACTERS = 100
# `docker info` hangs where the socket exists and the daemon doesn't answer.
_DOCKER_ANSWERS_WITHIN_S = 5


@dataclass(frozen=True)
class ImageBuild:
    """One build: a Containerfile, what it copies from, and the arguments that it declares."""

    name: str
    containerfile: Path
    context: Path
    base: BaseImage
    epoch_s: int
    named_contexts: Mapping[str, Path] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)


class ImageBuilder(Protocol):
    """Builds an image into an OCI layout; the same inputs give the same bytes."""

    def build(self, build: ImageBuild, layout: Path, *, say: Callable[[str], None]) -> None:
        """Build into a new folder.

        Raises:
            BuildFailedError: a step of the Containerfile failed.
        """


def docker_buildx_answers() -> bool:
    """Say whether there is a docker command with buildx and an engine behind it."""
    if shutil.which("docker") is None:
        return False
    for probe in (["docker", "buildx", "version"], ["docker", "info"]):
        try:
            answer = subprocess.run(probe, capture_output=True, timeout=_DOCKER_ANSWERS_WITHIN_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        if answer.returncode:
            return False
    return True


def choose_builder() -> str:
    """Return ``buildah`` or ``buildx``: what ``$MODELFLEET_IMAGE_BUILDER`` says, else what this machine has.

    Raises:
        BuilderMissingError: neither is here, or the variable names another.
    """
    named = os.environ.get(BUILDER_VARIABLE, "")
    if named not in {"", "buildah", "buildx"}:
        raise BuilderMissingError(f"{BUILDER_VARIABLE}={named}: say buildah or buildx")
    if named:
        return named
    if shutil.which("buildah") is not None and os.geteuid() == 0:
        return "buildah"
    if docker_buildx_answers():
        return "buildx"
    raise BuilderMissingError(
        "nothing here builds images: apt-get install buildah (and run as root), or start Docker with buildx"
    )


def run_build(command: Sequence[str], *, name: str, say: Callable[[str], None], environment: Mapping[str, str]) -> None:
    """Run a builder's command, handing on the lines that name its steps.

    Raises:
        BuildFailedError: it failed; the message holds its last lines.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                if line.startswith(("STEP ", "[", "#")):
                    say(" ".join(line.split())[:_STEP_CHARACTERS])
        except BaseException:
            process.terminate()  # Ctrl-C, or a failure in `say`: the builder must not go on alone
            raise
    if process.returncode:
        shown = "\n  ".join(last)
        raise BuildFailedError(f"building image '{name}' failed with exit code {process.returncode}:\n  {shown}")
