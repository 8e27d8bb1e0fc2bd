"""What GKE has to be told of a GPU machine beyond what the catalogue knows: accelerator, fabric, local disks.

Sources, read 2026-11: cloud.google.com/compute/docs/gpus (accelerators and counts),
cloud.google.com/compute/docs/disks/local-ssd#choose_number_local_ssds (disks),
cloud.google.com/kubernetes-engine/docs/how-to/gpu-bandwidth-gpudirect-tcpx (TCPX, TCPXO) and
cloud.google.com/ai-hypercomputer/docs/create/gke-ai-hypercompute-custom (RDMA).
"""

from dataclasses import dataclass
from enum import StrEnum

from infra.clouds.gcp.refusal import refusal

_SSD_GB = 375
_LARGE_SSD_GB = 3000


class Fabric(StrEnum):
    """How GPUs of several machines talk to each other."""

    NONE = "none"
    TCPX = "tcpx"
    TCPXO = "tcpxo"
    RDMA = "rdma"


@dataclass(frozen=True)
class GpuMachine:
    """A machine type with GPUs, as a GKE node pool describes it.

    Attributes:
        accelerator: GKE's name of the GPU.
        gpus: How many it has.
        local_ssds: Local SSDs that it takes; they come with the machine or can be had.
        ssd_gb: Size of each.
        disk_type: Type of boot disk that it takes.
        fabric: What joins it to others.
        secure_boot: Whether the driver loads under secure boot.
    """

    accelerator: str
    gpus: int
    local_ssds: int
    ssd_gb: int = _SSD_GB
    disk_type: str = "pd-balanced"
    fabric: Fabric = Fabric.NONE
    secure_boot: bool = True

    @property
    def local_gb(self) -> int:
        """All of its local SSDs together, in GB."""
        return self.local_ssds * self.ssd_gb


_HYPERDISK = "hyperdisk-balanced"
_L4, _A100, _A100_80, _H100 = "nvidia-l4", "nvidia-tesla-a100", "nvidia-a100-80gb", "nvidia-h100-80gb"
_RTX = "nvidia-rtx-pro-6000"

MACHINES: dict[str, GpuMachine] = {
    **{f"g2-standard-{cpus}": GpuMachine(_L4, 1, 1) for cpus in (4, 8, 12, 16, 32)},
    "g2-standard-24": GpuMachine(_L4, 2, 2),
    "g2-standard-48": GpuMachine(_L4, 4, 4),
    "g2-standard-96": GpuMachine(_L4, 8, 8),
    **{f"a2-highgpu-{gpus}g": GpuMachine(_A100, gpus, gpus) for gpus in (1, 2, 4, 8)},
    "a2-megagpu-16g": GpuMachine(_A100, 16, 8),
    **{f"a2-ultragpu-{gpus}g": GpuMachine(_A100_80, gpus, gpus) for gpus in (1, 2, 4, 8)},
    **{f"a3-highgpu-{gpus}g": GpuMachine(_H100, gpus, 2 * gpus) for gpus in (1, 2, 4)},
    "a3-highgpu-8g": GpuMachine(_H100, 8, 16, fabric=Fabric.TCPX),
    "a3-megagpu-8g": GpuMachine("nvidia-h100-mega-80gb", 8, 16, fabric=Fabric.TCPXO),
    "a3-ultragpu-8g": GpuMachine("nvidia-h200-141gb", 8, 32, disk_type=_HYPERDISK, fabric=Fabric.RDMA),
    "a4-highgpu-8g": GpuMachine("nvidia-b200", 8, 32, disk_type=_HYPERDISK, fabric=Fabric.RDMA),
    "a4x-highgpu-4g": GpuMachine("nvidia-gb200", 4, 4, ssd_gb=_LARGE_SSD_GB, disk_type=_HYPERDISK, fabric=Fabric.RDMA),
    "g4-standard-48": GpuMachine(_RTX, 1, 4, disk_type=_HYPERDISK),
    "g4-standard-96": GpuMachine(_RTX, 2, 8, disk_type=_HYPERDISK),
    "g4-standard-192": GpuMachine(_RTX, 4, 16, disk_type=_HYPERDISK),
    "g4-standard-384": GpuMachine(_RTX, 8, 32, disk_type=_HYPERDISK),
}


def gpu_machine(sku: str) -> GpuMachine:
    """Look a machine type up.

    Raises:
        SettingsError: it has no GPU, or isn't known here.
    """
    if sku not in MACHINES:
        problem = f"{sku!r} is no GPU machine that GKE node pools are made of here: use {', '.join(MACHINES)}"
        raise refusal("gpuPools", problem)
    return MACHINES[sku]
