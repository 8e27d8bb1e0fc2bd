"""Builds with docker buildx, where a Docker engine runs: developers' machines and GitHub's runners."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

from toolchain.images.image_builder import ImageBuild, run_build

# The name under which a base that lies on this disk is handed to the Containerfile.
_LOCAL_BASE = "modelfleet-base"


class BuildxBuilder:
    """An ``ImageBuilder`` on docker buildx (BuildKit 0.13 or newer: it rewrites time stamps)."""

    def build(self, build: ImageBuild, layout: Path, *, say: Callable[[str], None]) -> None:
        """Build into a new OCI layout.

        Raises:
            BuildFailedError: a step failed.
        """
        archive = layout.with_suffix(".tar")
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(build.epoch_s), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        run_build(buildx_command(build, archive), name=build.name, say=say, environment=environment)
        with tarfile.open(archive) as tar:
            tar.extractall(layout, filter="data")
        archive.unlink()


def buildx_command(build: ImageBuild, archive: Path) -> list[str]:
    """Return the command that builds into an OCI archive."""
    base = build.base.reference
    contexts = {name: str(folder) for name, folder in build.named_contexts.items()}
    if build.base.layout is not None:
        base = _LOCAL_BASE
        contexts[_LOCAL_BASE] = f"oci-layout://{build.base.layout}@{build.base.digest}"
    arguments = {
        "BASE": base,
        "BASE_DIGEST": build.base.digest,
        "SOURCE_DATE_EPOCH": str(build.epoch_s),
        **build.arguments,
    }
    output = (
        f"type=oci,dest={archive},compression=zstd,compression-level=5,force-compression=true,rewrite-timestamp=true"
    )
    command = ["docker", "buildx", "build", "--progress", "plain", "--platform", "linux/amd64", "--network", "none"]
    command += ["--provenance=false", "--sbom=false", "--file", str(build.containerfile), "--output", output]
    for name, where in sorted(contexts.items()):
        command += ["--build-context", f"{name}={where}"]
    for name, value in sorted(arguments.items()):
        command += ["--build-arg", f"{name}={value}"]
    return [*command, str(build.context)]
