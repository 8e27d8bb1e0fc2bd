"""One region, whatever the cloud: what runs inside the cluster is written against this and nothing else.

A cloud implements `Region` in a package of its own (`infra/clouds/<cloud>/`), one noun a file, and is imported
only by the stacks that live there. Each facet below hands over what pods and Services need from that part of the
cloud, never the cloud's own resources, so that `infra/cluster/` can't come to depend on one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pulumi
import pulumi_kubernetes as k8s

from infra.config import Cloud


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes cluster and how to talk to it.

    Attributes:
        provider: Applies objects to it.
        kubeconfig: An administrator's kubeconfig; secret.
        lifetime: The resource whose deletion takes all that is inside along, for `deleted_with`; None where the
            cluster is not ours to delete.
    """

    provider: k8s.Provider
    kubeconfig: pulumi.Output[str]
    lifetime: pulumi.Resource | None


@dataclass(frozen=True)
class NodeFolder:
    """A folder that every node has at the same path, for a read-only volume."""

    path: pulumi.Output[str]


@dataclass(frozen=True)
class Storage:
    """Where this region keeps the model's weights.

    Attributes:
        model_uri: The model's folder as a pod sees it: file://, s3://, az:// or gs://.
        model_digest: `sha256:` and the hash of its manifest.json; pods refuse any other.
        volume: The folder to mount at the path of a file:// URI; None where pods fetch from an object store.
    """

    model_uri: pulumi.Output[str]
    model_digest: pulumi.Output[str]
    volume: NodeFolder | None = None


@dataclass(frozen=True)
class Registry:
    """The images to run, by digest.

    Attributes:
        server: Reference of the model server's image (`name@sha256:…`).
        gateway: Reference of the gateway's image.
    """

    server: pulumi.Output[str]
    gateway: pulumi.Output[str]


@dataclass(frozen=True)
class GpuPools:
    """How a pod gets onto a GPU node, and how many GPUs one may ask for.

    Attributes:
        node_selector: Labels of the nodes that serve models.
        tolerated_taints: Keys of the taints that keep other pods off them (effect NoSchedule).
    """

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerated_taints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """What ties a Kubernetes service account to the cloud's identity of the same workload.

    Attributes:
        server_annotations: Annotations of the model server's service account (EKS Pod Identity and AKS or GKE
            workload identity read them); empty where pods need no cloud credentials.
    """

    server_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ingress:
    """How requests reach the gateway's Service, and under which certificate.

    Attributes:
        host: Host name or address that clients use.
        address: Address that the load balancer must take; None lets the cloud choose.
        service_annotations: What the cloud's load-balancer controller reads.
        certificate: PEM chain that the gateway serves.
        private_key: Its PEM key; secret.
        ca_certificate: PEM of the authority that clients must trust; None for a public one.
    """

    host: pulumi.Output[str]
    address: pulumi.Output[str] | None
    service_annotations: Mapping[str, str]
    certificate: pulumi.Output[str]
    private_key: pulumi.Output[str]
    ca_certificate: pulumi.Output[str] | None


class Region(Protocol):
    """A place that serves models: its cluster and all that pods need from around it."""

    @property
    def cloud(self) -> Cloud:
        """Which cloud this is."""
        ...

    @property
    def name(self) -> str:
        """The cloud's own name of the region."""
        ...

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes cluster."""
        ...

    @property
    def storage(self) -> Storage:
        """The model's weights."""
        ...

    @property
    def registry(self) -> Registry:
        """The images."""
        ...

    @property
    def gpu_pools(self) -> GpuPools:
        """Where model servers are scheduled."""
        ...

    @property
    def identity(self) -> Identity:
        """Cloud identities of the workloads."""
        ...

    @property
    def ingress(self) -> Ingress:
        """The way in."""
        ...
