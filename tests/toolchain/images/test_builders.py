"""Which builder is chosen, and what docker buildx is told (no Docker engine runs where these tests do)."""

from pathlib import Path

import pytest

from toolchain.images.base_image import BaseImage
from toolchain.images.buildx import buildx_command
from toolchain.images.errors import BuilderMissingError, BuildFailedError
from toolchain.images.image_builder import ImageBuild, choose_builder, run_build

REGISTRY_BASE = BaseImage("registry.example/python@sha256:ab", "sha256:ab")
LOCAL_BASE = BaseImage("oci:/cache/base:base", "sha256:cd", Path("/cache/base"))


def image_build(base: BaseImage) -> ImageBuild:
    return ImageBuild(
        name="gateway",
        containerfile=Path("/context/images/gateway/Containerfile"),
        context=Path("/context"),
        base=base,
        epoch_s=1735689600,
        named_contexts={"packages-tree": Path("/packages")},
        arguments={"VERSION": "0.1.0"},
    )


def test_buildx_rewrites_time_stamps_and_attests_nothing() -> None:
    command = buildx_command(image_build(REGISTRY_BASE), Path("/out.tar"))
    (output,) = [value for value in command if value.startswith("type=oci")]
    assert "rewrite-timestamp=true" in output
    assert "compression=zstd" in output
    assert "--provenance=false" in command
    assert "BASE=registry.example/python@sha256:ab" in command
    assert "SOURCE_DATE_EPOCH=1735689600" in command
    assert command[-1] == "/context"


def test_buildx_takes_a_base_from_this_disk_as_a_named_context() -> None:
    command = buildx_command(image_build(LOCAL_BASE), Path("/out.tar"))
    assert "BASE=modelfleet-base" in command
    assert "modelfleet-base=oci-layout:///cache/base@sha256:cd" in command


def test_the_builder_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_IMAGE_BUILDER", "buildx")
    assert choose_builder() == "buildx"
    monkeypatch.setenv("MODELFLEET_IMAGE_BUILDER", "kaniko")
    with pytest.raises(BuilderMissingError, match="buildah or buildx"):
        choose_builder()


def test_a_machine_without_builders_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELFLEET_IMAGE_BUILDER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuilderMissingError, match="apt-get install buildah"):
        choose_builder()


def test_a_failed_step_is_reported_with_its_last_lines() -> None:
    steps: list[str] = []
    command = ["sh", "-c", "echo 'STEP 1/2: FROM x'; echo 'no such file: service' >&2; exit 3"]
    with pytest.raises(BuildFailedError, match=r"exit code 3:\n(.*\n)*  no such file: service"):
        run_build(command, name="gateway", say=steps.append, environment={"PATH": "/usr/bin:/bin"})
    assert steps == ["STEP 1/2: FROM x"]
