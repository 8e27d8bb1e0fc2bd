"""What Kubernetes objects cause outside of their cluster: load balancers, network interfaces, disks.

A cloud's controllers make these where the account can see them, and the program can't: they are in no state, they lie
in the program's networks, and they go only when their object does. A cluster that is deleted first leaves them behind.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from rehearsal.account import Resource
from rehearsal.clusters.managed_cluster import AKS, EKS, GKE, ManagedCluster
from rehearsal.simulated import MARK
from rehearsal.template import fill, look_up

CAUSE: Final = "simulatedCause"
"""An output of every footprint, and of nothing else: which cluster's object it is for."""
_AZURE: Final = "service.beta.kubernetes.io/azure-"
_GKE_TYPE: Final = "networking.gke.io/load-balancer-type"
_GKE_SUBNET: Final = "networking.gke.io/load-balancer-subnet"
_GKE_GROUPS: Final = "cloud.google.com/neg"
_DISKS: Final[Mapping[str, str]] = {
    "ebs.csi.aws.com": "aws:ebs/volume:Volume",
    "disk.csi.azure.com": "azure-native:compute:Disk",
    "pd.csi.storage.gke.io": "gcp:compute/disk:Disk",
}
"""What a CSI driver of each cloud makes for a volume."""


def is_footprint(resource: Resource) -> bool:
    """Tell whether a resource is there for a Kubernetes object, and so in no stack's state."""
    return CAUSE in resource.outputs


def of_service(cluster: ManagedCluster, service: Mapping[str, Any]) -> list[Resource]:
    """Give what a Service of type LoadBalancer causes."""
    return list(_OF_SERVICE[cluster.resource.type](cluster, service))


def of_volume(cluster: ManagedCluster, volume: Mapping[str, Any]) -> list[Resource]:
    """Give the disk behind a persistent volume; none where no driver of the cloud made it."""
    source = volume["spec"].get("csi") or {}
    kind = _DISKS.get(source.get("driver", ""))
    if kind is None:
        return []
    inputs = {"size": volume["spec"]["capacity"]["storage"], "cluster": cluster.identifier}
    return [_footprint(cluster, volume, kind, str(source["volumeHandle"]), inputs)]


def disk_id(cluster: ManagedCluster, driver: str, claim: Mapping[str, Any], zone: str) -> str | None:
    """Name the disk that a driver makes for a claim; None where the driver makes none in the account."""
    name = f"pvc-{claim['metadata']['uid']}"
    match driver:
        case "ebs.csi.aws.com":
            return fill("vol-{hex:17}", {}, name)
        case "disk.csi.azure.com":
            return f"{_azure_group(cluster)}/providers/Microsoft.Compute/disks/{name}"
        case "pd.csi.storage.gke.io":
            return f"projects/{cluster.account}/zones/{zone}/disks/{name}"
        case _:
            return None


def address_of(cluster: ManagedCluster, service: Mapping[str, Any]) -> dict[str, str]:
    """Give what a Service's status says of its load balancer: the address that it asks for, or a drawn one."""
    if cluster.resource.type == EKS:
        return {"hostname": f"{_name(cluster, service)}.elb.{cluster.resource.region}.simulated.invalid"}
    asked = service["spec"].get("loadBalancerIP") or _annotations(service).get(f"{_AZURE}load-balancer-ipv4")
    return {"ip": str(asked or fill("{address:10.0}", {}, service["metadata"]["uid"])), "ipMode": "VIP"}


def _on_aws(cluster: ManagedCluster, service: Mapping[str, Any]) -> Iterator[Resource]:
    name, region = _name(cluster, service), cluster.resource.region
    arn = f"arn:aws:elasticloadbalancing:{region}:{cluster.account}:loadbalancer/net/{name}"
    subnets = look_up(cluster.resource.inputs, "vpcConfig.subnetIds") or []
    vpc = look_up(cluster.resource.outputs, "vpcConfig.vpcId")
    inputs = {"name": name, "loadBalancerType": "network", "internal": True, "subnets": subnets}
    yield _footprint(cluster, service, "aws:lb/loadBalancer:LoadBalancer", arn, inputs, outputs={"vpcId": vpc})
    for subnet in subnets:
        interface = fill("eni-{hex:17}", {}, f"{arn}/{subnet}")
        described = {"subnetId": subnet, "description": f"ELB net/{name}"}
        kind = "aws:ec2/networkInterface:NetworkInterface"
        yield _footprint(cluster, service, kind, interface, described, outputs={"vpcId": vpc})


def _on_azure(cluster: ManagedCluster, service: Mapping[str, Any]) -> Iterator[Resource]:
    annotations, group = _annotations(service), _azure_group(cluster)
    below = f"{group}/providers/Microsoft.Network"
    subnet = _azure_subnet(cluster, annotations.get(f"{_AZURE}load-balancer-internal-subnet"))
    front = {"name": service["metadata"]["uid"], "subnet": {"id": subnet}}
    balancer = f"{below}/loadBalancers/kubernetes-internal"
    inputs = {"loadBalancerName": "kubernetes-internal", "frontendIPConfigurations": [front]}
    yield _footprint(cluster, service, "azure-native:network:LoadBalancer", balancer, inputs)
    if annotations.get(f"{_AZURE}pls-create") == "true":
        name = annotations.get(f"{_AZURE}pls-name") or f"pls-{service['metadata']['uid']}"
        inner = _azure_subnet(cluster, annotations.get(f"{_AZURE}pls-ip-configuration-subnet"))
        link, interface = f"{below}/privateLinkServices/{name}", f"{below}/networkInterfaces/{name}-nic"
        configuration = [{"name": name, "subnet": {"id": inner}}]
        described = {"serviceName": name, "ipConfigurations": configuration}
        yield _footprint(cluster, service, "azure-native:network:PrivateLinkService", link, described)
        described = {"networkInterfaceName": f"{name}-nic", "ipConfigurations": configuration}
        kind = "azure-native:network:NetworkInterface"
        yield _footprint(cluster, service, kind, interface, described)


def _on_gcp(cluster: ManagedCluster, service: Mapping[str, Any]) -> Iterator[Resource]:
    annotations, name = _annotations(service), _name(cluster, service)
    region = cluster.region
    network = cluster.resource.inputs.get("network")
    within = f"projects/{cluster.account}/regions/{region}"
    subnet = str(annotations.get(_GKE_SUBNET) or cluster.resource.inputs.get("subnetwork"))
    subnet = subnet if "/" in subnet else f"{within}/subnetworks/{subnet}"
    internal = annotations.get(_GKE_TYPE) == "Internal"
    scheme = "INTERNAL" if internal else "EXTERNAL"
    backend = f"{within}/backendServices/{name}"
    shared = {"network": network, "loadBalancingScheme": scheme, "region": region}
    yield _footprint(
        cluster, service, "gcp:compute/regionBackendService:RegionBackendService", backend, {"name": name, **shared}
    )
    yield _footprint(
        cluster,
        service,
        "gcp:compute/forwardingRule:ForwardingRule",
        f"{within}/forwardingRules/{name}",
        {
            "name": name,
            "subnetwork": subnet,
            "backendService": backend,
            **shared,
            "ipAddress": address_of(cluster, service)["ip"],
        },
    )
    firewall = f"projects/{cluster.account}/global/firewalls/{name}"
    described = {"name": name, "network": network, "direction": "INGRESS"}
    yield _footprint(cluster, service, "gcp:compute/firewall:Firewall", firewall, described)
    for group in _gke_groups(cluster, service):
        for zone in cluster.resource.inputs.get("nodeLocations") or ():
            described = {"name": group, "zone": zone, "network": network, "subnetwork": subnet}
            kind = "gcp:compute/networkEndpointGroup:NetworkEndpointGroup"
            place = f"projects/{cluster.account}/zones/{zone}/networkEndpointGroups/{group}"
            yield _footprint(cluster, service, kind, place, described)


_OF_SERVICE: Final[Mapping[str, Callable[[ManagedCluster, Mapping[str, Any]], Iterator[Resource]]]] = {
    EKS: _on_aws,
    AKS: _on_azure,
    GKE: _on_gcp,
}


def _gke_groups(cluster: ManagedCluster, service: Mapping[str, Any]) -> list[str]:
    """Name the endpoint groups that a Service asks for.

    cloud.google.com/kubernetes-engine/docs/how-to/standalone-neg
    """
    written = _annotations(service).get(_GKE_GROUPS)
    ports = json.loads(written).get("exposed_ports", {}) if written else {}
    return [each.get("name") or f"k8s1-{port}-{_name(cluster, service)}" for port, each in ports.items()]


def _footprint(
    cluster: ManagedCluster,
    cause: Mapping[str, Any],
    kind: str,
    resource_id: str,
    inputs: Mapping[str, Any],
    *,
    outputs: Mapping[str, Any] | None = None,
) -> Resource:
    metadata = cause["metadata"]
    told = {
        "cluster": cluster.identifier,
        "object": f"{metadata.get('namespace', '')}/{metadata['name']}".lstrip("/"),
        "uid": metadata["uid"],
    }
    live = {**inputs, **(outputs or {}), CAUSE: told, MARK: True}
    # Ids are unique in a region on AWS, in the account elsewhere: as the cluster's own.
    return Resource(kind, resource_id, inputs, live, cluster.resource.region)


def _name(cluster: ManagedCluster, service: Mapping[str, Any]) -> str:
    """Name a load balancer as the clouds' controllers do: by nothing that a person would choose."""
    digest = hashlib.sha256(f"{cluster.identifier}/{service['metadata']['uid']}".encode()).hexdigest()
    return f"k8s-{digest[:20]}"


def _annotations(item: Mapping[str, Any]) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}


def _azure_group(cluster: ManagedCluster) -> str:
    """Give the id of the resource group in which AKS makes what the cluster needs."""
    group = cluster.resource.outputs.get("nodeResourceGroup")
    return f"/subscriptions/{cluster.account}/resourceGroups/{group}"


def _azure_subnet(cluster: ManagedCluster, name: str | None) -> str:
    """Give the id of a subnet of the cluster's network; the nodes' own where no name is given."""
    profiles = cluster.resource.inputs.get("agentPoolProfiles") or [{}]
    nodes = str(profiles[0].get("vnetSubnetID") or "")
    return f"{nodes.rpartition('/')[0]}/{name}" if name else nodes
