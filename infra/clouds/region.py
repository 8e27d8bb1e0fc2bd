"""One region, whatever the cloud: what runs inside the cluster is written against this and nothing else.

A cloud implements `Region` in a package of its own (`infra/clouds/<cloud>/`), one noun a file, and is imported
only by the stacks that live there. Each facet below hands over what pods and Services need from that part of the
cloud, never the cloud's own resources, so that `infra/cluster/` can't come to depend on one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.egress import Egress
from infra.config import Cloud
from infra.plugin import Certificate


@dataclass(frozen=True)
class ApiCallers:
    """Where the API server's own connections to pods come from.

    By them (`services/proxy`) whoever may use the API reaches a Service without a way into the network. Those from a
    pod's own node need no rule (kubernetes.io/docs/concepts/services-networking/network-policies), so that there is
    nothing to name where the API server runs there.

    Attributes:
        ranges: Of its network interfaces.
        agents: Labels of the pods in kube-system that connect on its behalf.
    """

    ranges: tuple[str, ...] = ()
    agents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes cluster and how to talk to it.

    Attributes:
        provider: Applies objects to it.
        kubeconfig: An administrator's kubeconfig; secret.
        lifetime: The resource whose deletion takes all that is inside along, for `deleted_with`; None where the
            cluster is not ours to delete.
        callers: Who speaks to pods for the API server.
    """

    provider: k8s.Provider
    kubeconfig: pulumi.Output[str]
    lifetime: pulumi.Resource | None
    callers: ApiCallers = ApiCallers()


@dataclass(frozen=True)
class NodeFolder:
    """A folder that every node has at the same path, for a read-only volume."""

    path: pulumi.Output[str]


@dataclass(frozen=True)
class Network:
    """The private network that nodes and data services live in.

    Attributes:
        identifier: The cloud's id of the network; None on one machine.
        zones: Availability zones that it spans.
    """

    identifier: pulumi.Output[str] | None
    zones: tuple[str, ...] = ()


class KeyPurpose(StrEnum):
    """What a customer-managed key encrypts: one key a purpose, so that each can be rotated and revoked alone."""

    CLUSTER = "cluster"
    DISKS = "disks"
    STORAGE = "storage"
    DATABASE = "database"
    LOGS = "logs"


@dataclass(frozen=True)
class Keys:
    """The region's customer-managed keys.

    Attributes:
        identifiers: The cloud's id (ARN, URI, resource name) of each key; empty on one machine.
    """

    identifiers: Mapping[KeyPurpose, pulumi.Output[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """A data service that pods reach over TLS under their workload identity: there is no password to hand over.

    Attributes:
        host: Private host name.
        port: TCP port.
        user: Who to log in as; None where the service knows no users.
        name: Of the database; None for a cache.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    user: pulumi.Output[str] | None = None
    name: pulumi.Output[str] | None = None


@dataclass(frozen=True)
class TenantPlace:
    """What a tenant has of its own in the region, beside its namespace.

    Attributes:
        key: The cloud's id of its key.
        storage_uri: Where its files are: s3://bucket/tenants/name and the like.
        service_account_annotations: What ties its service account to its cloud identity.
    """

    key: pulumi.Output[str]
    storage_uri: pulumi.Output[str]
    service_account_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


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
        prometheus: Reference of Prometheus' image; None where the region has none.
    """

    server: pulumi.Output[str]
    gateway: pulumi.Output[str]
    prometheus: pulumi.Output[str] | None = None


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
        gateway_annotations: The same of the gateway's.
        pod_labels: Labels of pods that use such an identity.
    """

    server_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    gateway_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VaultCertificate:
    """A certificate of a public authority that the cloud's vault hands to the gateway's pods.

    Its key passes neither through this program nor through its state.

    Attributes:
        file: Name of the PEM file, key and chain in one, that pods find in the volume.
        volume: Makes the volume for pods of a namespace, with what of it has to be in the cluster.
    """

    file: str
    volume: Callable[[pulumi.Input[str], pulumi.ResourceOptions], k8s.core.v1.CSIVolumeSourceArgs]


@dataclass(frozen=True)
class Ingress:
    """How requests reach the gateway's Service, and under which certificate.

    Attributes:
        host: Host name or address that clients use.
        address: Address that the load balancer must take; None lets the cloud choose.
        service_annotations: What the cloud's load-balancer controller reads.
        certificate: What the gateway serves: made by the stack under a private authority, or kept in a vault.
        attach: Makes the pods behind the gateway's Service the targets of a load balancer that the region has made;
            None where a Service of type LoadBalancer gets one of its own.
    """

    host: pulumi.Output[str]
    address: pulumi.Output[str] | None
    service_annotations: Mapping[str, str]
    certificate: Certificate | VaultCertificate
    attach: Callable[[k8s.core.v1.Service, pulumi.ResourceOptions], None] | None = None

    @property
    def ca_certificate(self) -> pulumi.Output[str] | None:
        """PEM of the private authority that clients must trust; None for a public one."""
        return self.certificate.ca_certificate if isinstance(self.certificate, Certificate) else None


ApiTunnel = Mapping[str, pulumi.Input[str]]
"""The way to an API server that answers inside of the network only, as a stack gives it out for `fleet tunnel`: `kind`
is session-manager (with region and machine) or bastion (with host and target). Nothing in it is secret."""


class Origin(Protocol):
    """What the front of all regions has to know of this one's load balancer; nothing in it is secret."""

    def as_output(self) -> Mapping[str, pulumi.Input[str]]:
        """As a stack gives it out."""
        ...


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
    def network(self) -> Network:
        """The private network."""
        ...

    @property
    def keys(self) -> Keys:
        """Customer-managed keys by purpose."""
        ...

    @property
    def database(self) -> Endpoint | None:
        """PostgreSQL for accounts and the ledger; None where the region has none."""
        ...

    @property
    def cache(self) -> Endpoint | None:
        """Redis-compatible store for limits; None where the region has none."""
        ...

    @property
    def tenants(self) -> Mapping[str, TenantPlace]:
        """What each tenant that this stack hosts has in the cloud, by its name."""
        ...

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes cluster."""
        ...

    @property
    def tunnel(self) -> ApiTunnel | None:
        """The way to the cluster's API server from outside of the network; None where it takes no tunnel."""
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
    def egress(self) -> Egress:
        """The way out: what pods may need to reach."""
        ...

    @property
    def origin(self) -> Origin | None:
        """What the front joins; None where there is no front."""
        ...

    @property
    def ingress(self) -> Ingress:
        """The way in."""
        ...
