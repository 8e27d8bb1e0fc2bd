"""The keys of a stack file (`Pulumi.<stack>.yaml`), their meaning and their rules.

Keys are written in camelCase under the project's namespace (`modelfleet:serving`), as Pulumi's own are.
Every rule that needs two keys is checked here too, so that a resource is never made from half-checked values.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

_DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DIGEST_REFERENCE = re.compile(r"[a-z0-9][-a-z0-9._:/]*@sha256:[0-9a-f]{64}")
_CPU = re.compile(r"[0-9]+m|[0-9]+(\.[0-9]{1,3})?")
_MEMORY = re.compile(r"[1-9][0-9]*(Ki|Mi|Gi|Ti)")

BUILD = "build"
"""The image value that means: build it from this checkout."""


def _dns_label(value: str) -> str:
    # RFC 1123 labels, started by a letter: the strictest of what Kubernetes asks of names and Services.
    if len(value) > 40 or not _DNS_LABEL.fullmatch(value):
        msg = f"{value!r} is not a name: use at most 40 lower-case letters, digits and '-', starting with a letter"
        raise ValueError(msg)
    return value


def _image(value: str) -> str:
    if value == BUILD or _DIGEST_REFERENCE.fullmatch(value):
        return value
    msg = (
        f"{value!r} is not an image: use 'build' (made from this checkout) or a reference by digest, "
        "such as registry.example/server@sha256:<64 hex digits>; tags are refused, they can be moved"
    )
    raise ValueError(msg)


def _cpu(value: str) -> str:
    if not _CPU.fullmatch(value):
        msg = f"{value!r} is not an amount of CPU: use cores ('1', '0.5') or thousandths of one ('500m')"
        raise ValueError(msg)
    return value


def _memory(value: str) -> str:
    if not _MEMORY.fullmatch(value):
        msg = f"{value!r} is not an amount of memory: use a whole number and a binary unit, such as '512Mi' or '2Gi'"
        raise ValueError(msg)
    return value


Name = Annotated[str, AfterValidator(_dns_label)]
ImageReference = Annotated[str, AfterValidator(_image)]
CpuQuantity = Annotated[str, AfterValidator(_cpu), Field(coerce_numbers_to_str=True)]
MemoryQuantity = Annotated[str, AfterValidator(_memory)]


class _Settings(BaseModel):
    """Frozen, camelCase, and a key that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Cloud(StrEnum):
    """Where a stack's resources live."""

    LOCAL = "local"
    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"


class ClusterSettings(_Settings):
    """The embedded Kubernetes of a local stack."""

    name: Name = Field("local", description="Name of the embedded cluster; several may run side by side")
    simulated_gpus: int = Field(
        0,
        ge=0,
        le=64,
        description="nvidia.com/gpu that the node claims to have, labelled as simulated: to rehearse scheduling",
    )


class ModelSettings(_Settings):
    """The model that this stack serves."""

    name: Name = Field("demo-coder", description="The name that clients ask for")
    source: str = Field(
        "models/demo-coder",
        min_length=1,
        description="Folder in Hugging Face layout with a manifest.json, relative to the repository",
    )


class _Workload(_Settings):
    image: ImageReference = Field(BUILD, description="'build', or a reference by digest")
    replicas: int = Field(1, ge=1, le=512, description="Pods at least")
    cpu: CpuQuantity = Field("250m", description="CPU requested per pod")
    memory: MemoryQuantity = Field("256Mi", description="Memory limit per pod")


class ServingSettings(_Workload):
    """The model server's pods."""

    cpu: CpuQuantity = Field("500m", description="CPU requested per pod; without a limit, so that an idle core is used")
    memory: MemoryQuantity = Field("2Gi", description="Memory limit per pod")
    gpus: int = Field(0, ge=0, le=16, description="nvidia.com/gpu per pod; 0 serves on CPU")
    drain_timeout_s: int = Field(
        60, ge=1, le=3600, description="Seconds that running requests have to finish when a pod is asked to end"
    )


class GatewaySettings(_Workload):
    """The gateway's pods: the only door to the model servers."""

    max_body_bytes: int = Field(
        1 << 20, ge=1024, le=64 << 20, description="Largest request body that is accepted, in bytes"
    )
    drain_timeout_s: int = Field(
        60, ge=1, le=3600, description="Seconds that running requests have to finish when a pod is asked to end"
    )


class TenantKeySettings(_Settings):
    """An API key that the stack makes and stores, hashed, for the gateway."""

    id: Name = Field(description="Name of the key, shown in logs and in the stack's outputs")
    tenant: Name = Field(description="Tenant that requests with this key belong to")


class StackSettings(_Settings):
    """Everything that a stack file says."""

    cloud: Cloud = Field(description="Where this stack lives")
    region: Name = Field("local", description="The cloud's name of the region; `local` on one machine")
    kube_context: str = Field(
        "", description="Local stacks: a context of your kubeconfig to use instead of the embedded cluster"
    )
    host: str = Field(
        "", description="With kubeContext: name or address that clients reach the gateway by; empty means localhost"
    )
    registry: str = Field(
        "", description="Container registry that images are pushed to; needed with kubeContext and 'build'"
    )
    cluster: ClusterSettings = Field(default_factory=ClusterSettings, description=ClusterSettings.__doc__)
    model: ModelSettings = Field(default_factory=ModelSettings, description=ModelSettings.__doc__)
    serving: ServingSettings = Field(default_factory=ServingSettings, description=ServingSettings.__doc__)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings, description=GatewaySettings.__doc__)
    keys: tuple[TenantKeySettings, ...] = Field(
        (TenantKeySettings(id="demo", tenant="demo"),), description="API keys to make, one per tenant at least"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kube_context and self.cloud is not Cloud.LOCAL:
            msg = f"kubeContext is for cloud 'local' only, this stack's is '{self.cloud}': remove kubeContext"
            raise ValueError(msg)
        if self.host and not self.kube_context:
            msg = "host goes with kubeContext: the embedded cluster has an address of its own; remove host"
            raise ValueError(msg)
        if self.kube_context and not self.registry and BUILD in {self.serving.image, self.gateway.image}:
            msg = (
                "registry is missing: a cluster behind kubeContext pulls its images, so that 'build' needs a registry "
                "to push to (modelfleet:registry: localhost:5000), or name images by digest"
            )
            raise ValueError(msg)
        if self.serving.gpus > self.cluster.simulated_gpus and self.cloud is Cloud.LOCAL and not self.kube_context:
            msg = (
                f"serving.gpus is {self.serving.gpus} but the embedded cluster offers {self.cluster.simulated_gpus}: "
                "lower it, or raise cluster.simulatedGpus (simulated, for rehearsing the scheduling only)"
            )
            raise ValueError(msg)
        seen: set[str] = set()
        for key in self.keys:
            if key.id in seen:
                msg = f"keys: the id {key.id!r} is there twice: each key needs an id of its own"
                raise ValueError(msg)
            seen.add(key.id)
        return self
