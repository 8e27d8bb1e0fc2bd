"""A region's network, and who may talk to its API server."""

from enum import StrEnum

from pydantic import Field

from documents.values import Cidr, FileModel, HostName


class NatMode(StrEnum):
    """How private subnets reach outside: a gateway per zone outlives a lost zone, a shared one costs a third."""

    ZONAL = "zonal"
    SHARED = "shared"


class NetworkSettings(FileModel):
    """The region's private network."""

    cidr: Cidr = Field("10.0.0.0/16", description="Addresses of nodes and private endpoints")
    # RFC 6598's shared space: never routed in a company's network, so that pods take none of its addresses. A /16,
    # the largest block that a VPC takes as its secondary one.
    pod_cidr: Cidr = Field("100.64.0.0/16", description="Addresses of pods; may not overlap any other range")
    service_cidr: Cidr = Field("172.20.0.0/16", description="Addresses of Kubernetes Services; never leave the cluster")
    zones: int = Field(3, ge=2, le=4, description="Availability zones to spread over")
    nat: NatMode = Field(NatMode.ZONAL, description="zonal: a NAT gateway per zone; shared: one for all")
    flow_log_retention_days: int = Field(365, ge=1, le=3653, description="Days that flow logs are kept")
    peers: tuple[str, ...] = Field(
        (), description="Stacks whose networks are joined to this one: their ranges may not overlap this one's"
    )


class ApiAccess(StrEnum):
    """Who reaches the Kubernetes API server's endpoint."""

    PRIVATE = "private"
    RESTRICTED = "restricted"


class ApiSettings(FileModel):
    """The way to the Kubernetes API server."""

    access: ApiAccess = Field(
        ApiAccess.PRIVATE,
        description="private: only from the network (or the cloud's identity-checked endpoint); restricted: also from "
        "authorizedRanges",
    )
    authorized_ranges: tuple[Cidr, ...] = Field(
        (),
        description="With `restricted`, and where Azure keeps states: public ranges, none of them everything (/0)",
    )
    admins: tuple[str, ...] = Field(
        (),
        description="Cluster administrators: IAM role ARNs (aws), Entra group object ids (azure), groups (gcp); where "
        "Azure keeps states, the groups that read and write them",
    )


class IngressSettings(FileModel):
    """The region's origin load balancer."""

    host: HostName | None = Field(None, description="Name of this region's endpoint; unset: the load balancer's own")
    certificate: str | None = Field(
        None,
        description="Azure: the id of the Key Vault secret that holds host's certificate of a public authority and its "
        "key; needed behind Front Door, which trusts no other. Unset: a certificate under a private authority is made",
    )
    front_only: bool = Field(True, description="Whether the origin takes requests from the front (CDN, WAF) only")
