"""What watches a region from inside: how long it remembers, and on what."""

from enum import StrEnum

from pydantic import Field

from documents.values import BUILD, CpuQuantity, FileModel, ImageReference, MemoryQuantity, Name


class MetricsVolume(StrEnum):
    """Where measurements are kept."""

    SCRATCH = "scratch"
    """On the pod's node, as long as the pod lives."""
    CLAIM = "claim"
    """On a disk that outlives the pod, in one zone."""


class MonitoringSettings(FileModel):
    """The region's own small Prometheus, which the health gate of releases asks; no monitoring for people."""

    enabled: bool = Field(
        True, description="Whether the region has one; without it the gate judges by its own requests alone"
    )
    image: ImageReference = Field(
        BUILD,
        description="'build', or a reference by digest; in clouds, one without a host is in the region's own registry",
    )
    cpu: CpuQuantity = Field("100m", description="CPU requested")
    memory: MemoryQuantity = Field("512Mi", description="Memory limit")
    scrape_s: int = Field(
        10,
        ge=5,
        le=15,
        description="Seconds between two scrapes of a pod; the gate's windows of 30 s take two at least",
    )
    retention_hours: int = Field(
        24, ge=1, le=14 * 24, description="Hours that measurements are kept; the gate looks back minutes"
    )
    volume: MetricsVolume = Field(
        MetricsVolume.SCRATCH,
        description="scratch (ends with the pod: the gate then has nothing to compare with for some minutes) or claim",
    )
    volume_gib: int = Field(
        2, ge=1, le=1024, description="Size of the volume in GiB; the oldest goes before it is full"
    )
    storage_class: Name | None = Field(
        None, description="With volume `claim`: the disk's storage class; unset: the cluster's default"
    )
