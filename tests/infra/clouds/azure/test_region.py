"""What the Azure region consists of, and that all of it is private, encrypted and kept; recorded without an engine."""

import re
from typing import Any

import pulumi
import pytest
import yaml

from infra.clouds.azure import AzureRegion
from infra.clouds.azure.ingress import _annotations
from infra.clouds.azure.roles import Role
from infra.clouds.azure.subnets import cut
from infra.clouds.region import VaultCertificate
from infra.config import ApiAccess, ApiSettings, DatabaseSettings, IngressSettings, NatMode, NetworkSettings, Phase
from tests.infra.clouds.azure.recording import STACK, Recorder, record, settings_of, whole_region


@pytest.fixture(scope="module")
def region() -> Recorder:
    return whole_region()


def made_with(**changed: Any) -> Recorder:

    return record(lambda options: AzureRegion("region", settings_of(STACK, **changed), options), STACK)


@pytest.mark.parametrize("kind", ["StorageAccount", "Registry"])
def test_what_keeps_data_is_closed_to_the_outside(region: Recorder, kind: str) -> None:
    for made in region.of(f"{'storage' if kind == 'StorageAccount' else 'containerregistry'}:{kind}").values():
        assert made["publicNetworkAccess"] == "Disabled"
        assert made["networkRuleSet"]["defaultAction"] == "Deny"


def test_data_services_have_no_keys_to_lose(region: Recorder) -> None:
    assert {made["allowSharedKeyAccess"] for made in region.of("storage:StorageAccount").values()} == {False}
    assert region.one("containerregistry:Registry")["adminUserEnabled"] is False
    assert region.one("dbforpostgresql:Server")["authConfig"]["passwordAuth"] == "Disabled"
    assert region.one("redisenterprise:Database")["accessKeysAuthentication"] == "Disabled"
    assert region.one("containerservice:ManagedCluster")["disableLocalAccounts"] is True


def test_everything_that_can_have_a_key_of_ours_has_one(region: Recorder) -> None:
    for account in region.of("storage:StorageAccount").values():
        assert account["encryption"]["keySource"] == "Microsoft.Keyvault"
        assert "keyVersion" not in account["encryption"]["keyVaultProperties"]  # follows rotation by itself
    assert region.one("containerregistry:Registry")["encryption"]["status"] == "enabled"
    assert region.one("dbforpostgresql:Server")["dataEncryption"]["type"] == "AzureKeyVault"
    assert region.one("redisenterprise:RedisEnterprise")["encryption"]["customerManagedKeyEncryption"]
    cluster = region.one("containerservice:ManagedCluster")
    assert cluster["diskEncryptionSetID"]
    assert cluster["securityProfile"]["azureKeyVaultKms"]["keyVaultNetworkAccess"] == "Private"


def test_keys_rotate_and_never_leave_their_vault(region: Recorder) -> None:
    keys = region.of("keyvault:Key")
    assert {"cluster-key", "disks-key", "storage-key", "database-key", "logs-key", "tenant-acme-key"} <= keys.keys()
    for key in keys.values():
        (rotation,) = key["properties"]["rotationPolicy"]["lifetimeActions"]
        assert rotation == {"action": {"type": "rotate"}, "trigger": {"timeAfterCreate": "P365D"}}
        assert key["properties"]["kty"] == "RSA-HSM"
    for vault in region.of("keyvault:Vault").values():
        assert vault["properties"]["enablePurgeProtection"] is True
        assert vault["properties"]["publicNetworkAccess"] == "Disabled"


def test_a_key_s_identity_may_use_that_key_alone(region: Recorder) -> None:
    grant = region.one("authorization:RoleAssignment", "storage-key-use")
    assert grant["scope"].endswith("keyvault:Key/storage-key")
    assert grant["roleDefinitionId"].endswith(Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER)


def test_nobody_gets_a_broad_role(region: Recorder) -> None:
    given = {made["roleDefinitionId"].rsplit("/", 1)[-1] for made in region.of("RoleAssignment").values()}
    owner, contributor = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c"
    assert not given & {owner, contributor}
    assert not any(made["scope"].count("/") <= 2 for made in region.of("RoleAssignment").values())


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("keyvault:Vault", "vault"),
        ("keyvault:Key", "storage-key"),
        ("storage:StorageAccount", "models"),
        ("storage:BlobContainer", "models-models"),
        ("containerregistry:Registry", "registry"),
        ("dbforpostgresql:Server", "database-server"),
        ("resources:ResourceGroup", "group"),
    ],
)
def test_data_is_protected(region: Recorder, kind: str, name: str) -> None:
    assert region.options_of(kind, name).protect is True
    assert not region.options_of(kind, name).retain_on_delete


def test_what_keeps_data_is_locked_after_all_that_is_granted_on_it(region: Recorder) -> None:
    locks = region.of("ManagementLockByScope")
    assert {"vault-lock", "models-lock", "logs-lock", "registry-lock", "database-lock"} <= locks.keys()
    assert {lock["level"] for lock in locks.values()} == {"CanNotDelete"}
    after = region.options_of("ManagementLockByScope", "models-lock").depends_on
    assert isinstance(after, list)
    assert len(after) == 2


def test_delete_data_lifts_protection_and_locks() -> None:
    lifted = made_with(delete_data=True)
    assert lifted.of("ManagementLockByScope") == {}
    assert not any(options.protect for options in lifted.options.values())


def test_the_api_server_is_private(region: Recorder) -> None:
    access = region.one("ManagedCluster")["apiServerAccessProfile"]
    assert access["enablePrivateCluster"] is True
    assert access["enableVnetIntegration"] is True
    assert access["disableRunCommand"] is True
    assert region.of("BastionHost")["bastion"]["enableTunneling"] is True


def test_a_restricted_api_server_needs_no_tunnel() -> None:
    api = ApiSettings(access=ApiAccess.RESTRICTED, authorized_ranges=("203.0.113.0/24",))
    made = made_with(api=api)
    access = made.one("ManagedCluster")["apiServerAccessProfile"]
    assert access["authorizedIPRanges"] == ["203.0.113.0/24"]
    assert access["enablePrivateCluster"] is False
    assert made.of("BastionHost") == {}


def test_subnets_lead_out_by_their_own_zone_s_gateway(region: Recorder) -> None:
    subnets = {subnet["name"]: subnet for subnet in region.one("VirtualNetwork")["subnets"]}
    assert {subnet["natGateway"]["id"].rsplit("/", 1)[-1] for name, subnet in subnets.items() if "nodes" in name} == {
        "nat-1",
        "nat-2",
        "nat-3",
    }
    assert sorted(gateway["zones"] for gateway in region.of("NatGateway").values()) == [["1"], ["2"], ["3"]]
    assert all(
        subnet.get("defaultOutboundAccess") is False for name, subnet in subnets.items() if "Bastion" not in name
    )


def test_a_shared_gateway_serves_all_zones() -> None:
    network = NetworkSettings(cidr="10.32.0.0/16", nat=NatMode.SHARED, zones=2)
    made = made_with(network=network, gpu_pools=())
    assert list(made.of("NatGateway")) == ["nat"]
    assert sorted(made.of("AgentPool")) == ["general-1", "general-2"]


def test_security_groups_end_in_a_denial(region: Recorder) -> None:
    for group in region.of("NetworkSecurityGroup").values():
        last = max(group["securityRules"], key=lambda rule: rule["priority"])
        assert (last["access"], last["sourceAddressPrefix"]) == ("Deny", "*")
        priorities = [(rule["direction"], rule["priority"]) for rule in group["securityRules"]]
        assert len(set(priorities)) == len(priorities)


def test_only_bastion_hears_the_internet(region: Recorder) -> None:
    for name, group in region.of("NetworkSecurityGroup").items():
        heard = [rule for rule in group["securityRules"] if rule["sourceAddressPrefix"] == "Internet"]
        assert bool(heard) == (name == "bastion-rules")


def test_every_data_service_has_a_private_name(region: Recorder) -> None:
    endpoints = region.of("network:PrivateEndpoint")
    groups = {made["privateLinkServiceConnections"][0]["groupIds"][0] for made in endpoints.values()}
    assert groups == {"blob", "dfs", "vault", "registry", "postgresqlServer", "redisEnterprise"}
    assert len(region.of("PrivateDnsZoneGroup")) == len(endpoints)


def test_what_an_address_of_files_names_has_a_private_name(region: Recorder) -> None:
    endpoints = {
        name: made["privateLinkServiceConnections"][0]["groupIds"][0]
        for name, made in region.of("network:PrivateEndpoint").items()
    }
    blob = {name for name, group in endpoints.items() if group == "blob"}
    dfs = {name for name, group in endpoints.items() if group == "dfs"}
    assert {name.replace("-dfs-", "-") for name in dfs} == blob - {"logs-endpoint"}, "logs have no address for others"


def test_audit_logs_and_flows_are_recorded(region: Recorder) -> None:
    recorded = region.of("DiagnosticSetting")
    assert {"cluster-logs", "vault-logs", "registry-logs", "database-logs", "models-logs", "bastion-logs"} == set(
        recorded
    )
    audited = {log["category"] for log in recorded["cluster-logs"]["logs"]}
    assert {"kube-audit-admin", "guard"} <= audited
    flows = region.one("FlowLog")
    assert flows["retentionPolicy"] == {"enabled": True, "days": 365}


def test_every_resource_is_tagged_and_placed(region: Recorder) -> None:
    tagged = [made.inputs for made in region.made.values() if "tags" in made.inputs]
    assert len(tagged) > 40
    for made in tagged:
        assert made["tags"]["modelfleet-stack"] == STACK
        assert {"environment", "owner"} <= made["tags"].keys()
    assert region.one("VirtualNetwork")["location"] == "westeurope"
    assert {made["location"] for made in region.of("PrivateZone").values()} == {"global"}


def test_names_fit_azure(region: Recorder) -> None:
    for account in region.of("storage:StorageAccount").values():
        assert re.fullmatch(r"[a-z0-9]{3,24}", account["accountName"])
    for vault in region.of("keyvault:Vault").values():
        assert re.fullmatch(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]", vault["vaultName"])
    for pool in region.of("AgentPool").values():
        assert re.fullmatch(r"[a-z][a-z0-9]{0,11}", pool["agentPoolName"])
    assert re.fullmatch(r"[a-zA-Z0-9]{5,50}", region.one("containerregistry:Registry")["registryName"])
    for endpoint in region.of("network:PrivateEndpoint").values():
        assert 2 <= len(endpoint["privateEndpointName"]) <= 64


def test_the_origin_is_reached_by_private_link_only(region: Recorder) -> None:
    settings = settings_of(STACK)
    ranges = cut(settings.network.cidr, 3)
    made = _annotations(settings.ingress, ranges, "origin")
    annotations = {key.rsplit("azure-", 1)[-1]: value for key, value in made.items()}
    assert annotations["load-balancer-internal"] == "true"
    assert annotations["pls-create"] == "true"
    assert annotations["allowed-ip-ranges"] == ranges.private_link
    assert annotations["deny-all-except-load-balancer-source-ranges"] == "true"
    assert region.of("PublicIPAddress").keys() == {"bastion-address"}


def test_its_certificate_never_passes_through_the_program(region: Recorder) -> None:
    assert not region.of("modelfleet:local:Certificate")
    allowed = region.one("RoleAssignment", "gateway-certificate")
    assert allowed["scope"].endswith("/vaults/example-certificates/secrets/azure-westeurope")
    assert allowed["roleDefinitionId"].endswith(Role.KEY_VAULT_SECRETS_USER)
    addons = region.one("ManagedCluster")["addonProfiles"]
    assert addons["azureKeyvaultSecretsProvider"]["enabled"] is True


def test_the_gateway_mounts_its_certificate_under_its_own_identity() -> None:
    def program(options: pulumi.ResourceOptions) -> None:
        region = AzureRegion("region", settings_of(STACK), options)
        certificate = region.ingress.certificate
        assert isinstance(certificate, VaultCertificate)
        source = certificate.volume("modelfleet", pulumi.ResourceOptions(parent=region))
        pulumi.Output.from_input(source.volume_attributes).apply(mounted.append)

    mounted: list[Any] = []
    made = record(program, STACK)
    assert mounted == [{"secretProviderClass": "gateway-certificate"}]
    provider = made.one("SecretProviderClass")
    assert provider["metadata"] == {"name": "gateway-certificate", "namespace": "modelfleet"}
    parameters = provider["spec"]["parameters"]
    assert (parameters["clientID"], parameters["tenantId"]) == ("client", "tenant")
    assert parameters["keyvaultName"] == "example-certificates"
    (wanted,) = yaml.safe_load(parameters["objects"])["array"]
    assert yaml.safe_load(wanted) == {
        "objectName": "azure-westeurope",
        "objectType": "secret",
        "objectAlias": "tls.pem",
    }


def test_without_a_certificate_in_a_vault_the_region_makes_its_own() -> None:
    made = made_with(ingress=IngressSettings(host="models.bank.example.com", front_only=False))
    assert "models.bank.example.com" in made.one("modelfleet:local:Certificate")["hosts"]
    assert "azureKeyvaultSecretsProvider" not in made.one("ManagedCluster")["addonProfiles"]


def test_pods_reach_data_services_and_no_vault(region: Recorder) -> None:
    ranges = cut(settings_of(STACK).network.cidr, 3)
    (network,) = region.of("VirtualNetwork").values()
    subnets = {subnet["name"]: subnet for subnet in network["subnets"]}
    assert subnets["endpoints"]["addressPrefix"] == ranges.endpoints
    platform = {
        name for name, made in region.of("network:PrivateEndpoint").items() if "platform" in made["subnet"]["id"]
    }
    assert {"vault-endpoint", "registry-endpoint"} <= platform
    assert not platform & {"database-endpoint", "cache-endpoint", "models-endpoint"}


def test_objects_in_the_cluster_wait_for_its_tunnel() -> None:
    first = made_with(phase=Phase.CLOUD)
    assert not any(typ.startswith("kubernetes:") for typ, _ in first.made)
    assert first.of("ManagedCluster")


def test_images_of_daemons_are_named_by_digest(region: Recorder) -> None:
    daemons = region.of("DaemonSet")
    assert {"nvidia-device-plugin", "dcgm-exporter", "rdma-device-plugin"} == set(daemons)
    for daemon in daemons.values():
        for container in daemon["spec"]["template"]["spec"]["containers"]:
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])


def test_a_size_without_two_zones_is_refused() -> None:
    with pytest.raises(ValueError, match=r"database\.sku: 'Standard_B2s' can't be in two zones"):
        made_with(database=DatabaseSettings(sku="Standard_B2s"))
