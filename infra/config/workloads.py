"""What runs in the cluster: the model, its servers, the gateway and the keys that it knows."""

from enum import StrEnum

from pydantic import Field

from documents.values import BUILD, CpuQuantity, Digest, FileModel, ImageReference, MemoryQuantity, Name


class Architecture(StrEnum):
    """A processor's instruction set, as container images name it."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class ClusterSettings(FileModel):
    """The embedded Kubernetes of a local stack."""

    name: Name = Field("local", description="Name of the embedded cluster; several may run side by side")
    simulated_gpus: int = Field(
        0,
        ge=0,
        le=64,
        description="nvidia.com/gpu that the node claims to have, labelled as simulated: to rehearse scheduling",
    )


class KubernetesSettings(FileModel):
    """The managed Kubernetes of a cloud's region."""

    version: str = Field("1.34", pattern=r"^1\.[0-9]{2}$", description="Minor version of the control plane")
    confidential_nodes: bool = Field(
        False, description="Whether CPU pools run on machines with encrypted memory, where the cloud offers them"
    )


class ModelSettings(FileModel):
    """The model that this stack serves."""

    name: Name = Field("demo-coder", description="The name that clients ask for")
    source: str = Field(
        "models/demo-coder",
        min_length=1,
        description="Folder in Hugging Face layout with a manifest.json, relative to the repository; in clouds, where "
        "the operator publishes from",
    )
    digest: Digest | None = Field(
        None, description="Digest of the manifest that pods must find; required in clouds, computed on local stacks"
    )


def image_in(registry: str, image: str) -> str:
    """Give the full reference of an image: one without a host is in the region's own registry.

    Args:
        registry: Host and path of the region's registry, without a slash at its end.
        image: A reference by digest. Its first part is a host if it has a '.' or a ':' or is `localhost`, as in
            https://github.com/distribution/reference.
    """
    first, slash, _ = image.partition("/")
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return image if has_host else f"{registry}/{image}"


class _Workload(FileModel):
    image: ImageReference = Field(
        BUILD,
        description="'build', or a reference by digest; in clouds, one without a host is in the region's own registry",
    )
    replicas: int = Field(1, ge=1, le=512, description="Pods at least")
    cpu: CpuQuantity = Field("250m", description="CPU requested per pod")
    memory: MemoryQuantity = Field("256Mi", description="Memory limit per pod")


class TracesSettings(FileModel):
    """An OpenTelemetry collector in the cluster; the namespace's closed network lets spans through to it only."""

    service: Name = Field("otel-collector", description="The collector's Service")
    namespace: Name = Field(description="The collector's namespace")
    port: int = Field(4318, ge=1, le=65535, description="Where it takes OTLP over HTTP; its pods' port too")
    share: float = Field(
        1.0, ge=0, le=1, description="Share of traces begun here that are kept; a caller's own choice wins"
    )


class ServingSettings(_Workload):
    """The model server's pods."""

    cpu: CpuQuantity = Field("500m", description="CPU requested per pod; without a limit, so that an idle core is used")
    memory: MemoryQuantity = Field("2Gi", description="Memory limit per pod")
    gpus: int = Field(0, ge=0, le=16, description="nvidia.com/gpu per pod; 0 serves on CPU")
    architectures: tuple[Architecture, ...] = Field(
        (Architecture.AMD64,), min_length=1, description="What the image by digest is built for"
    )
    cuda: int | None = Field(
        None, ge=11, le=99, description="CUDA major of the image: pools' drivers must offer at least that"
    )
    drain_timeout_s: int = Field(
        60, ge=1, le=3600, description="Seconds that running requests have to finish when a pod is asked to end"
    )
    traces: TracesSettings | None = Field(None, description="Where each request's span goes; unset: nowhere")


class GatewaySettings(_Workload):
    """The gateway's pods: the only door to the model servers."""

    max_body_bytes: int = Field(
        1 << 20, ge=1024, le=64 << 20, description="Largest request body that is accepted, in bytes"
    )
    drain_timeout_s: int = Field(
        60, ge=1, le=3600, description="Seconds that running requests have to finish when a pod is asked to end"
    )


class KeyPriority(StrEnum):
    """Who goes first; the gateway's names for it."""

    INTERACTIVE = "interactive"
    NORMAL = "normal"
    BATCH = "batch"


class TenantKeySettings(FileModel):
    """An API key that the stack makes and stores, hashed, for the gateway."""

    id: Name = Field(description="Name of the key, shown in logs and in the stack's outputs")
    tenant: Name = Field(description="Tenant that requests with this key belong to")
    priority: KeyPriority = Field(
        KeyPriority.NORMAL, description="The best class that requests with this key may have, asked for by service_tier"
    )


DEMO_KEYS = (TenantKeySettings(id="demo", tenant="demo"),)
"""What a local stack has to try it with; never made in a cloud."""
