"""Machines without GPUs that regions run their CPU pools on: how many vCPUs, and what they draw on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class CpuMachine:
    """A machine without GPUs.

    Attributes:
        vcpus: Hardware threads.
        quota: The cloud's name of the quota that an on-demand one draws its vCPUs from.
    """

    vcpus: int
    quota: str


# Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances:
# https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
_EC2_STANDARD: Final = "L-1216C47A"
# https://learn.microsoft.com/azure/virtual-machines/sizes/general-purpose/ddsv5-series, .../dcadsv5-series
_AZURE_DDSV5: Final = "standardDDSv5Family"
_AZURE_DCADSV5: Final = "standardDCADSv5Family"
# https://docs.cloud.google.com/compute/resource-usage#cpu_quota
_GCP_N2D: Final = "N2D_CPUS"

_MACHINES: Final[Mapping[str, Mapping[str, CpuMachine]]] = {
    "aws": {
        "m7i.large": CpuMachine(2, _EC2_STANDARD),
        "m7i.xlarge": CpuMachine(4, _EC2_STANDARD),
        "m7i.2xlarge": CpuMachine(8, _EC2_STANDARD),
        "t4g.nano": CpuMachine(2, _EC2_STANDARD),
    },
    "azure": {
        "Standard_D4ds_v5": CpuMachine(4, _AZURE_DDSV5),
        "Standard_D8ds_v5": CpuMachine(8, _AZURE_DDSV5),
        "Standard_D16ds_v5": CpuMachine(16, _AZURE_DDSV5),
        "Standard_DC4ads_v5": CpuMachine(4, _AZURE_DCADSV5),
    },
    "gcp": {f"n2d-standard-{vcpus}": CpuMachine(vcpus, _GCP_N2D) for vcpus in (2, 4, 8, 16, 32)},
}


def cpu_machine(cloud: str, sku: str) -> CpuMachine | None:
    """Look a machine up; None for one that isn't here, whose quota is then unknown."""
    return _MACHINES.get(cloud, {}).get(sku)
