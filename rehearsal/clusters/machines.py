"""What a machine of a SKU gives to pods.

GPU machines are the catalogue's. Of others the name says all that is needed, by each cloud's rule:
docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html, learn.microsoft.com/azure/virtual-machines/
vm-naming-conventions, cloud.google.com/compute/docs/machine-resource.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import catalog
from catalog import UnknownMachineError

_AWS: Final = re.compile(r"([a-z]+)\d+([a-z]*)(?:-flex)?\.(\d*)(x?)large|([a-z]+)\d+([a-z]*)\.medium")
_AZURE: Final = re.compile(r"Standard_([A-Z]+?)(\d+)(?:-\d+)?([a-z]*)(?:_.*)?")
_GCP: Final = re.compile(r"([a-z]+\d+[a-z]*)-(standard|highmem|highcpu)-(\d+)(?:-.*)?")
_AWS_GIB_PER_VCPU: Final = {"c": 2, "m": 4, "t": 4, "r": 8}
_AZURE_GIB_PER_VCPU: Final = {"B": 4, "D": 4, "DC": 4, "E": 8, "EC": 8, "F": 2}
_GCP_GIB_PER_VCPU: Final = {"standard": 4, "highmem": 8, "highcpu": 1}

_RESERVED_SHARES: Final = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06))
"""Of the first 4 GiB, the next 4, the next 8, the next 112: what node agents keep of memory, and 2 % of what is beyond
(cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes#memory_and_cpu_reservations). EKS and AKS keep less
on large machines (11 MiB and 20 MB a pod); whoever fits here fits there."""
_RESERVED_BEYOND: Final = 0.02
_EVICTION_GIB: Final = 0.1
_RESERVED_CPU_MILLI: Final = 200
"""More than GKE keeps of machines of up to 48 cores."""


@dataclass(frozen=True)
class MachineSize:
    """What a machine has.

    Attributes:
        vcpus: hardware threads.
        memory_gib: memory, in GiB.
        gpus: GPUs.
        arch: instruction set, as Kubernetes names it.
    """

    vcpus: int
    memory_gib: float
    gpus: int = 0
    arch: str = "amd64"

    @property
    def allocatable_memory_mib(self) -> int:
        """What is left for pods, in MiB."""
        left, reserved = self.memory_gib, _EVICTION_GIB
        for part, share in _RESERVED_SHARES:
            reserved += min(left, part) * share
            left = max(0.0, left - part)
        return int((self.memory_gib - reserved - left * _RESERVED_BEYOND) * 1024)

    @property
    def allocatable_cpu_milli(self) -> int:
        """What is left for pods, in thousandths of a hardware thread."""
        return self.vcpus * 1000 - _RESERVED_CPU_MILLI


class UnknownSizeError(LookupError):
    """A SKU's name doesn't say what the machine has, and the catalogue doesn't know it."""


def machine_size(cloud: str, sku: str) -> MachineSize:
    """Tell what a machine has.

    Args:
        cloud: aws, azure or gcp.
        sku: the cloud's name of the machine.

    Raises:
        UnknownSizeError: neither the catalogue nor the cloud's naming rule says.
    """
    try:
        known = catalog.machine(cloud, sku)
    except UnknownMachineError:
        size = _BY_NAME[cloud](sku)
        if size is None:
            raise UnknownSizeError(f"{sku!r} is no machine of {cloud} whose name says what it has") from None
        return size
    return MachineSize(known.vcpus, known.memory_gib, known.gpu.count, known.arch)


def _aws(sku: str) -> MachineSize | None:
    found = _AWS.fullmatch(sku)
    if found is None:
        return None
    family, options, times, extra = found[1] or found[5], found[2] or found[6] or "", found[3], found[4]
    per_vcpu = _AWS_GIB_PER_VCPU.get(family[0])
    if per_vcpu is None:
        return None
    vcpus = 2 if not extra else 4 * int(times or 1)
    if found[5]:
        vcpus = 1
    return MachineSize(vcpus, vcpus * per_vcpu, arch="arm64" if options.startswith("g") else "amd64")


def _azure(sku: str) -> MachineSize | None:
    found = _AZURE.fullmatch(sku)
    if found is None or found[1] not in _AZURE_GIB_PER_VCPU:
        return None
    vcpus = int(found[2])
    return MachineSize(vcpus, vcpus * _AZURE_GIB_PER_VCPU[found[1]], arch="arm64" if "p" in found[3] else "amd64")


def _gcp(sku: str) -> MachineSize | None:
    found = _GCP.fullmatch(sku)
    if found is None:
        return None
    vcpus = int(found[3])
    arch = "arm64" if found[1] in {"t2a", "c4a", "n4a"} else "amd64"
    return MachineSize(vcpus, vcpus * _GCP_GIB_PER_VCPU[found[2]], arch=arch)


_BY_NAME: Final[Mapping[str, Callable[[str], MachineSize | None]]] = {"aws": _aws, "azure": _azure, "gcp": _gcp}
