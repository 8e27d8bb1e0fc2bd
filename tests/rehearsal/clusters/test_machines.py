"""What machines have, by the catalogue and by the clouds' naming rules."""

import pytest

from rehearsal.clusters.machines import MachineSize, UnknownSizeError, machine_size
from rehearsal.clusters.quantity import cpu_milli, memory_mib


@pytest.mark.parametrize(
    ("cloud", "sku", "size"),
    [
        ("aws", "m7i.large", MachineSize(2, 8)),
        ("aws", "m7i.xlarge", MachineSize(4, 16)),
        ("aws", "m7i-flex.2xlarge", MachineSize(8, 32)),
        ("aws", "c7g.medium", MachineSize(1, 2, arch="arm64")),
        ("aws", "r7gd.16xlarge", MachineSize(64, 512, arch="arm64")),
        ("azure", "Standard_D4ds_v5", MachineSize(4, 16)),
        ("azure", "Standard_DC8as_v5", MachineSize(8, 32)),
        ("azure", "Standard_E16pds_v5", MachineSize(16, 128, arch="arm64")),
        ("gcp", "n2d-standard-8", MachineSize(8, 32)),
        ("gcp", "c4a-highmem-16", MachineSize(16, 128, arch="arm64")),
        ("gcp", "a3-highgpu-8g", MachineSize(208, 1872, gpus=8)),
        ("aws", "p5.48xlarge", MachineSize(192, 2048, gpus=8)),
    ],
)
def test_a_machine_has_what_its_cloud_says(cloud: str, sku: str, size: MachineSize) -> None:
    assert machine_size(cloud, sku) == size


@pytest.mark.parametrize(("cloud", "sku"), [("aws", "x.large"), ("azure", "D4ds_v5"), ("gcp", "n2d-standard")])
def test_a_name_that_says_nothing_is_refused(cloud: str, sku: str) -> None:
    with pytest.raises(UnknownSizeError, match="no machine of"):
        machine_size(cloud, sku)


def test_node_agents_keep_what_gke_documents() -> None:
    # 25 % of 4, 20 % of 4, 10 % of 8, 6 % of 32 GiB, and 100 MiB before eviction.
    left = 48 - (1 + 0.8 + 0.8 + 1.92 + 0.1)
    assert machine_size("gcp", "g2-standard-12").allocatable_memory_mib == int(left * 1024)


@pytest.mark.parametrize(("text", "milli"), [("4", 4000), ("250m", 250), ("0.1", 100), ("1.0001", 1001)])
def test_cpus_are_thousandths(text: str, milli: int) -> None:
    assert cpu_milli(text) == milli


@pytest.mark.parametrize(("text", "mib"), [("48Gi", 49152), ("256Mi", 256), ("1G", 954), ("1", 1), ("1048576Ki", 1024)])
def test_memory_is_in_mib(text: str, mib: int) -> None:
    assert memory_mib(text) == mib
