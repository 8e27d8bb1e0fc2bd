"""What a whole region on Google Cloud asks for."""

import ipaddress
import json
from typing import Any

import pytest
import yaml

from infra.clouds.gcp import GcpRegion
from infra.clouds.gcp.ingress import Origin
from infra.clouds.region import KeyPurpose, Region
from infra.config import ApiAccess, ApiSettings, KubernetesSettings, Phase
from tests.infra.clouds.gcp.recording import NUMBER, PROJECT, STACK, Recorder, record, settings

LABELS = {"environment", "owner", "modelfleet-stack"}


def every_text(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in every_text(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in every_text(inner)]
    return [value] if isinstance(value, str) else []


def test_the_region_hands_over_what_every_cloud_does(region: Recorder) -> None:
    handed: list[Region] = []
    given = settings()

    def program() -> None:
        handed.append(GcpRegion("region", given))

    record(program)
    (made,) = handed
    assert made.name == "europe-west4"
    assert made.network.zones == ("europe-west4-a", "europe-west4-b", "europe-west4-c")
    assert set(made.keys.identifiers) == set(KeyPurpose)
    assert made.gpu_pools.node_selector == {"cloud.google.com/compute-class": "l4"}
    assert set(made.gpu_pools.tolerated_taints) == {"cloud.google.com/compute-class", "nvidia.com/gpu"}
    assert set(made.tenants) == {tenant.name for tenant in given.tenants}
    assert region.made


def test_everything_that_takes_labels_says_whose_it_is(region: Recorder) -> None:
    labelled = 0
    for (token, name), args in region.made.items():
        for key in ("labels", "resourceLabels", "userLabels"):
            if token.startswith("gcp:") and key in args.inputs:
                assert args.inputs[key].keys() >= LABELS, f"{token} {name}"
                labelled += 1
    assert labelled > 20
    for pool in region.of("NodePool").values():
        assert pool["nodeConfig"]["resourceLabels"].keys() >= LABELS
    (database,) = region.of("DatabaseInstance").values()
    assert database["settings"]["userLabels"].keys() >= LABELS


def test_nodes_have_no_address_and_reach_google_by_one_endpoint(region: Recorder) -> None:
    (cluster,) = region.of("container/cluster:Cluster").values()
    assert cluster["privateClusterConfig"] == {"enablePrivateNodes": True, "enablePrivateEndpoint": True}
    for pool in region.of("NodePool").values():
        assert pool["networkConfig"]["enablePrivateNodes"] is True
    rule = region.one("GlobalForwardingRule", "google-apis")
    assert (rule["target"], rule["loadBalancingScheme"]) == ("all-apis", "")
    address = region.one("GlobalAddress", "google-apis")["address"]
    zones = {zone["dnsName"] for zone in region.of("ManagedZone").values()}
    assert {"googleapis.com.", "gcr.io.", "pkg.dev."} <= zones
    assert region.one("RecordSet", "googleapis-com")["rrdatas"] == [address]


def test_the_firewall_ends_with_denials_that_are_logged(region: Recorder) -> None:
    rules = region.of("NetworkFirewallPolicyRule")
    allowed = [rule["priority"] for rule in rules.values() if rule["action"] == "allow"]
    for direction in ("INGRESS", "EGRESS"):
        denied = rules[f"deny-{direction.lower()}"]
        assert denied["priority"] > max(allowed)
        assert denied["enableLogging"] is True
        assert "0.0.0.0/0" in every_text(denied["match"])
    open_ingress = [
        name
        for name, rule in rules.items()
        if rule["direction"] == "INGRESS" and rule["action"] == "allow" and "0.0.0.0/0" in every_text(rule["match"])
    ]
    assert not open_ingress
    assert len({rule["priority"] for rule in rules.values()}) == len(rules)


def test_every_subnet_logs_its_flows(region: Recorder) -> None:
    assert len(region.of("Subnetwork")) == 2 + 4
    for subnet in region.of("Subnetwork").values():
        assert subnet["logConfig"]["flowSampling"] > 0


def test_subnets_lie_in_the_stack_files_range_without_overlap(region: Recorder) -> None:
    whole = ipaddress.IPv4Network("10.48.0.0/16")
    ranges = [ipaddress.IPv4Network(subnet["ipCidrRange"]) for subnet in region.of("Subnetwork").values()]
    assert all(part.subnet_of(whole) for part in ranges)
    assert not any(one.overlaps(other) for i, one in enumerate(ranges) for other in ranges[i + 1 :])
    apis = ipaddress.IPv4Address(region.one("GlobalAddress", "google-apis")["address"])
    assert apis in whole
    assert not any(apis in part for part in ranges)


def test_the_api_server_asks_iam_first(region: Recorder) -> None:
    (cluster,) = region.of("container/cluster:Cluster").values()
    endpoints = cluster["controlPlaneEndpointsConfig"]
    assert endpoints["ipEndpointsConfig"]["enabled"] is False
    assert endpoints["dnsEndpointConfig"] == {
        "allowExternalTraffic": True,
        "enableK8sTokensViaDns": False,
        "enableK8sCertsViaDns": False,
    }
    assert "masterAuthorizedNetworksConfig" not in cluster


def test_a_restricted_api_names_its_ranges() -> None:
    api = ApiSettings(access=ApiAccess.RESTRICTED, authorized_ranges=("198.51.100.0/24",))
    made = record(lambda: GcpRegion("region", settings(api=api)))
    (cluster,) = made.of("container/cluster:Cluster").values()
    assert cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]["enabled"] is True
    assert cluster["privateClusterConfig"]["enablePrivateEndpoint"] is False
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
    networks = cluster["masterAuthorizedNetworksConfig"]
    assert networks["cidrBlocks"] == [{"cidrBlock": "198.51.100.0/24"}]
    assert networks["gcpPublicCidrsAccessEnabled"] is False


def test_the_cluster_encrypts_logs_and_isolates(region: Recorder) -> None:
    (cluster,) = region.of("container/cluster:Cluster").values()
    assert cluster["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": "key-cluster-id"}
    assert cluster["workloadIdentityConfig"] == {"workloadPool": f"{PROJECT}.svc.id.goog"}
    assert cluster["datapathProvider"] == "ADVANCED_DATAPATH"
    assert {"APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"} <= set(cluster["loggingConfig"]["enableComponents"])
    assert "DCGM" in cluster["monitoringConfig"]["enableComponents"]
    assert cluster["masterAuth"]["clientCertificateConfig"]["issueClientCertificate"] is False
    assert cluster["deletionProtection"] is False  # a cluster holds no data


def test_every_node_is_hardened_alike(region: Recorder) -> None:
    for name, pool in region.of("NodePool").items():
        node = pool["nodeConfig"]
        assert node["bootDiskKmsKey"] == "key-disks-id", name
        assert node["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
        assert node["shieldedInstanceConfig"] == {"enableSecureBoot": True, "enableIntegrityMonitoring": True}
        assert node["kubeletConfig"]["insecureKubeletReadonlyPortEnabled"] == "FALSE"
        assert node["serviceAccount"] == f"mf-{STACK}-nodes@{PROJECT}.iam.gserviceaccount.com"


def test_a_confidential_region_encrypts_its_memory() -> None:
    given = settings(kubernetes=KubernetesSettings(confidential_nodes=True), gpu_pools=())
    pools = record(lambda: GcpRegion("region", given)).of("NodePool")
    assert set(pools) == {"system", "general"}
    for pool in pools.values():
        assert pool["nodeConfig"]["confidentialNodes"] == {"enabled": True, "confidentialInstanceType": "SEV"}
        assert pool["nodeConfig"]["machineType"].startswith("n2d-")


def test_the_kubeconfig_holds_no_credential(region: Recorder) -> None:
    kubeconfig = yaml.safe_load(region.one("providers:kubernetes", "cluster")["kubeconfig"])
    (user,) = kubeconfig["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    assert kubeconfig["clusters"][0]["cluster"] == {"server": "https://gke-1.europe-west4.gke.goog"}


def test_the_gateways_service_is_internal_and_makes_endpoint_groups_that_the_front_knows() -> None:
    regions: list[GcpRegion] = []
    given = settings()
    record(lambda: regions.append(GcpRegion("region", given)))
    annotations = regions[0].ingress.service_annotations
    assert annotations["networking.gke.io/load-balancer-type"] == "Internal"
    group = json.loads(annotations["cloud.google.com/neg"])["exposed_ports"]["443"]["name"]
    origin = Origin.of(STACK, given, "CA")
    assert origin.endpoint_groups == tuple(
        f"projects/{PROJECT}/zones/europe-west4-{zone}/networkEndpointGroups/{group}" for zone in "abc"
    )
    assert regions[0].origin.endpoint_groups == origin.endpoint_groups


def test_nobody_holds_a_basic_role_or_a_key(region: Recorder) -> None:
    grants = [args.inputs for (token, _), args in region.made.items() if "role" in args.inputs and "gcp:" in token]
    assert grants
    assert not {grant["role"] for grant in grants} & {"roles/owner", "roles/editor", "roles/viewer"}
    assert not {"allUsers", "allAuthenticatedUsers"} & {grant["member"] for grant in grants}
    assert not [token for token, _ in region.made if token.endswith((":Key", ":HmacKey"))]


def test_project_wide_grants_of_the_gateway_name_this_regions_services(region: Recorder) -> None:
    grants = {
        name: grant for name, grant in region.of("projects/iAMMember:IAMMember").items() if name.startswith("gateway")
    }
    assert len(grants) == 3
    for grant in grants.values():
        assert "resource.name ==" in grant["condition"]["expression"]


def test_the_model_server_may_read_weights_and_nothing_else(region: Recorder) -> None:
    server = (
        f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/"
        f"{PROJECT}.svc.id.goog/subject/ns/modelfleet/sa/model-server"
    )
    held = [(token, args.inputs) for (token, _), args in region.made.items() if args.inputs.get("member") == server]
    ((token, grant),) = held
    assert token.endswith(":ManagedFolderIamMember")
    assert (grant["managedFolder"], grant["role"]) == ("models/", "roles/storage.objectViewer")


def test_the_first_phase_stops_before_the_cluster_is_asked() -> None:
    made = record(lambda: GcpRegion("region", settings(phase=Phase.CLOUD)))
    assert not [token for token, _ in made.made if token.startswith("kubernetes:")]


@pytest.mark.parametrize("disk_type", ["hyperdisk-balanced", "hyperdisk-ml"])
def test_volumes_are_encrypted_by_the_regions_key(region: Recorder, disk_type: str) -> None:
    classes = [each["parameters"] for each in region.of("StorageClass").values()]
    (parameters,) = [each for each in classes if each["type"] == disk_type]
    assert parameters["disk-encryption-kms-key"] == "key-disks-id"


def test_nothing_that_leaves_a_footprint_goes_unseen_with_the_cluster(region: Recorder) -> None:
    # Declared networks have finalizers: they are deleted and waited for, so they depend on the provider only.
    assert set(region.of("GKENetworkParamSet")) == {f"gpu-{card}-parameters" for card in range(1, 5)}
