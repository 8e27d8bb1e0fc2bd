"""What Services and volumes cause in the account, and when it goes."""

from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import Resource, holdings
from rehearsal.clusters.footprints import CAUSE, address_of, is_footprint, of_service, of_volume
from rehearsal.clusters.managed_cluster import AKS, EKS, GKE, ManagedCluster
from rehearsal.clusters.outside import LINGER_S, Outside

VNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets"
CLUSTERS = {
    "aws": ManagedCluster(
        "aws",
        "111122223333",
        Resource(
            EKS,
            "c",
            {"vpcConfig": {"subnetIds": ["subnet-a", "subnet-b"]}},
            {"arn": "arn:aws:eks:us-east-1:111122223333:cluster/c", "vpcConfig": {"vpcId": "vpc-1"}},
            "us-east-1",
        ),
    ),
    "azure": ManagedCluster(
        "azure-native",
        "s",
        Resource(
            AKS,
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c",
            {"location": "westeurope", "agentPoolProfiles": [{"vnetSubnetID": f"{VNET}/nodes-1"}]},
            {"nodeResourceGroup": "g-nodes"},
        ),
    ),
    "gcp": ManagedCluster(
        "gcp",
        "p",
        Resource(
            GKE,
            "projects/p/locations/europe-west4/clusters/c",
            {"location": "europe-west4", "network": "net", "subnetwork": "sub", "nodeLocations": ["z-a", "z-b"]},
            {},
        ),
    ),
}
ANNOTATIONS = {
    "aws": {},
    "azure": {
        "service.beta.kubernetes.io/azure-load-balancer-internal-subnet": "ingress",
        "service.beta.kubernetes.io/azure-pls-create": "true",
        "service.beta.kubernetes.io/azure-pls-name": "pls",
        "service.beta.kubernetes.io/azure-pls-ip-configuration-subnet": "link",
    },
    "gcp": {
        "networking.gke.io/load-balancer-type": "Internal",
        "cloud.google.com/neg": '{"exposed_ports": {"443": {"name": "gateway"}}}',
    },
}


def service(cloud: str) -> dict[str, Any]:
    metadata = {"name": "gateway", "namespace": "n", "uid": "1234", "annotations": ANNOTATIONS[cloud]}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer", "loadBalancerIP": "10.0.0.9"}}


@pytest.mark.parametrize(
    ("cloud", "kinds"),
    [
        ("aws", ["loadBalancer", "networkInterface", "networkInterface"]),
        ("azure", ["LoadBalancer", "PrivateLinkService", "NetworkInterface"]),
        (
            "gcp",
            ["regionBackendService", "forwardingRule", "firewall", "networkEndpointGroup", "networkEndpointGroup"],
        ),
    ],
)
def test_a_service_has_a_load_balancer_and_what_lies_in_the_network_for_it(cloud: str, kinds: list[str]) -> None:
    cluster = CLUSTERS[cloud]
    made = of_service(cluster, service(cloud))
    assert [
        each.type.split(":")[-2].split("/")[-1] if cloud != "azure" else each.type.split(":")[-1] for each in made
    ] == kinds
    assert all(is_footprint(each) for each in made)
    assert {each.outputs[CAUSE]["object"] for each in made} == {"n/gateway"}
    assert len({(each.type, each.id) for each in made}) == len(made)


def test_what_a_service_asks_for_is_where_it_asks() -> None:
    balancer, link, interface = of_service(CLUSTERS["azure"], service("azure"))
    assert balancer.inputs["frontendIPConfigurations"][0]["subnet"]["id"] == f"{VNET}/ingress"
    assert link.id.endswith("/resourceGroups/g-nodes/providers/Microsoft.Network/privateLinkServices/pls")
    assert interface.inputs["ipConfigurations"][0]["subnet"]["id"] == f"{VNET}/link"
    assert address_of(CLUSTERS["gcp"], service("gcp")) == {"ip": "10.0.0.9", "ipMode": "VIP"}
    groups = [each for each in of_service(CLUSTERS["gcp"], service("gcp")) if "networkEndpointGroup" in each.type]
    assert [each.id for each in groups] == [f"projects/p/zones/z-{zone}/networkEndpointGroups/gateway" for zone in "ab"]


def test_a_volume_has_the_disk_that_its_driver_made() -> None:
    spec = {"capacity": {"storage": "1Gi"}, "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}}
    volume = {"metadata": {"name": "v", "uid": "1"}, "spec": spec}
    (disk,) = of_volume(CLUSTERS["aws"], volume)
    assert (disk.type, disk.id, disk.region) == ("aws:ebs/volume:Volume", "vol-1", "us-east-1")
    spec["csi"] = {"driver": "somebody.else", "volumeHandle": "x"}
    assert of_volume(CLUSTERS["aws"], volume) == []


def test_interfaces_outlive_their_load_balancer_for_a_while(tmp_path: Path) -> None:
    memory, cluster, now = tmp_path / "account.sqlite", CLUSTERS["aws"], [100.0]
    outside = Outside(memory, cluster, lambda: now[0])

    def kinds() -> list[str]:
        return sorted(each.type.rsplit(":", 1)[-1] for _, _, each in holdings(memory))

    wanted = of_service(cluster, service("aws"))
    assert not outside.settle(wanted)
    assert kinds() == ["LoadBalancer", "NetworkInterface", "NetworkInterface"]
    assert not outside.settle(wanted), "what is there isn't made twice"
    assert outside.settle([]) == {"1234"}
    assert kinds() == ["NetworkInterface", "NetworkInterface"]
    now[0] += LINGER_S / 2
    assert outside.settle([])
    now[0] += LINGER_S
    assert not outside.settle([])
    assert kinds() == []


def test_only_the_clusters_own_are_removed(tmp_path: Path) -> None:
    memory = tmp_path / "account.sqlite"
    Outside(memory, CLUSTERS["gcp"], lambda: 0.0).settle(of_service(CLUSTERS["gcp"], service("gcp")))
    other = ManagedCluster("gcp", "p", Resource(GKE, "projects/p/locations/r/clusters/other", {"location": "r"}, {}))
    Outside(memory, other, lambda: 0.0).settle([])
    assert len(holdings(memory)) == 5
