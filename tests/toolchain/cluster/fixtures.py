"""A real cluster, shared by all tests that want one.

Its name, state folder and leases are the tests' own, so that they run beside anybody's cluster.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.toolchain.cluster.probing import Kubernetes
from toolchain.cluster import ClusterSpec, EmbeddedCluster
from toolchain.cluster.image_archive import write_binary_image

_PROBE = Path(__file__).parent / "probe"


@pytest.fixture(scope="session")
def probe_archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The probe's image: its archive and its reference."""
    folder = tmp_path_factory.mktemp("probe")
    binary = folder / "probe"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}
    subprocess.run(
        ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), "."], cwd=_PROBE, env=environment, check=True
    )
    digest = write_binary_image(binary.read_bytes(), "probe", folder / "probe.tar")
    return folder / "probe.tar", f"modelfleet.local/probe@{digest}"


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def kubernetes(state: Path, probe_archive: tuple[Path, str]) -> Iterator[Kubernetes]:
    """A running cluster that the tests share; what they make in it, they make in namespaces of their own."""
    if os.geteuid() != 0:
        pytest.skip("the embedded cluster needs root")
    cluster = EmbeddedCluster(f"test-{os.getpid()}", state_dir=state)
    try:
        cluster.start(ClusterSpec(simulated_gpus=2))
        archive, reference = probe_archive
        cluster.import_image(archive, reference)
        shared = Kubernetes.of(cluster)
        shared.image = reference
        yield shared
        shared.api.close()
    finally:
        cluster.reset()
