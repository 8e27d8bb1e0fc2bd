"""Node pools: the GPU machines that serve models, and the CPU machines for all else."""

import hashlib
import json
from enum import StrEnum
from typing import Any

from pydantic import Field

from documents.values import FileModel, ImageReference, Name


class Rung(StrEnum):
    """A step of the capacity ladder: how a machine is bought, from the surest to the cheapest."""

    RESERVATION = "reservation"
    ON_DEMAND = "on-demand"
    FLEX_START = "flex-start"
    SPOT = "spot"


class Replacement(StrEnum):
    """How a pool is replaced: the new one before the old goes, or piece by piece within the same machines."""

    SURGE = "surge"
    ROLLING = "rolling"


def _usual_replacement(given: dict[str, Any]) -> Replacement:
    # A reservation has no second set of machines to surge into.
    return Replacement.ROLLING if Rung.RESERVATION in given.get("rungs", ()) else Replacement.SURGE


class GpuPoolSettings(FileModel):
    """GPU machines of one SKU: one node pool per rung of its ladder, lower rungs from zero."""

    name: Name = Field(description="Name of the pool within its stack")
    sku: str = Field(min_length=1, description="The cloud's name of the machine; `fleet catalog list` lists them")
    rungs: tuple[Rung, ...] = Field(
        (Rung.ON_DEMAND,), min_length=1, description="Ways to get machines, tried in this order by the autoscaler"
    )
    reservation: str | None = Field(
        None,
        min_length=1,
        description="With rung `reservation`: capacity reservation id (aws), capacity reservation group id (azure), "
        "reservation name (gcp)",
    )
    reserved: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Machines that the reservation holds; needed where such a pool is replaced by `surge`",
    )
    min: int = Field(0, ge=0, le=1000, description="Machines that are always there, on the first rung")
    max: int = Field(1, ge=1, le=1000, description="Machines at most, on each rung")
    interruptible: bool = Field(
        False, description="Whether what runs here bears a machine's end at two minutes' notice"
    )
    replacement: Replacement = Field(
        default_factory=_usual_replacement,
        description="How a change that needs new machines comes: surge (default), or rolling (default with a "
        "reservation)",
    )
    zones: tuple[str, ...] = Field((), description="The cloud's names of the zones to use; empty: all of the network's")
    group_size: int = Field(
        1,
        ge=1,
        le=64,
        description="Machines placed together behind one fast network; over 1 serves one model over many",
    )
    disk_gb: int = Field(200, ge=50, le=16384, description="Boot disk per machine, in GB")
    image: str | None = Field(
        None, min_length=1, description="Pin of the node image (version or id); unset: the cloud's"
    )
    driver: int | None = Field(
        None, ge=450, le=999, description="NVIDIA driver branch that the node image or its installer has, such as 580"
    )
    network_image: ImageReference | None = Field(
        None,
        description="With groupSize over 1 on GPUDirect-TCPX or TCPXO (gcp): the NCCL plugin's image by digest. Google "
        "publishes it by tag only: mirror it into the region's registry",
    )
    tenant: Name | None = Field(None, description="Tenant that has this pool alone; unset: shared")

    @property
    def generation(self) -> str:
        """Five hex digits that change when, and only when, a change here needs new machines.

        Part of the node pools' names, so that such a change makes a new pool beside the old one.
        """
        forced = self.model_dump(
            mode="json", include={"sku", "reservation", "zones", "group_size", "disk_gb", "image", "driver", "tenant"}
        )
        return hashlib.sha256(json.dumps(forced, sort_keys=True).encode()).hexdigest()[:5]


class CpuPoolSettings(FileModel):
    """Machines without GPUs."""

    sku: str | None = Field(None, min_length=1, description="The cloud's name of the machine; unset: the cloud's usual")
    min: int = Field(3, ge=0, le=1000, description="Machines at least")
    max: int = Field(6, ge=1, le=1000, description="Machines at most")


class CpuPoolsSettings(FileModel):
    """The pools that every region has."""

    system: CpuPoolSettings = Field(
        default_factory=CpuPoolSettings, description="For what the cluster itself needs (DNS, controllers)"
    )
    general: CpuPoolSettings = Field(
        default_factory=lambda: CpuPoolSettings(min=2, max=10), description="For gateways and everything else"
    )
