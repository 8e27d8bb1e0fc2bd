"""A resource group, a network, a vault with a key, storage, a cluster and a pool."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi_azure_native import authorization, containerservice, keyvault, network, resources, storage

client = authorization.get_client_config()
group = resources.ResourceGroup("region", resource_group_name="rg-rehearsed")
net = network.VirtualNetwork(
    "network",
    resource_group_name=group.name,
    virtual_network_name="vnet",
    address_space=network.AddressSpaceArgs(address_prefixes=["10.0.0.0/16"]),
)
subnet = network.Subnet(
    "nodes",
    resource_group_name=group.name,
    virtual_network_name=net.name,
    subnet_name="nodes",
    address_prefix="10.0.0.0/20",
)
vault = keyvault.Vault(
    "vault",
    resource_group_name=group.name,
    vault_name="kv-rehearsed-1",
    properties=keyvault.VaultPropertiesArgs(
        tenant_id=client.tenant_id,
        sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.PREMIUM),
        enable_rbac_authorization=True,
        enable_purge_protection=True,
    ),
)
key = keyvault.Key(
    "storage",
    resource_group_name=group.name,
    vault_name=vault.name,
    key_name="storage",
    properties=keyvault.KeyPropertiesArgs(kty=keyvault.JsonWebKeyType.RSA, key_size=3072),
)
account = storage.StorageAccount(
    "weights",
    resource_group_name=group.name,
    account_name="strehearsed",
    kind=storage.Kind.STORAGE_V2,
    sku=storage.SkuArgs(name=storage.SkuName.STANDARD_GZRS),
    minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
    allow_shared_key_access=False,
)
cluster = containerservice.ManagedCluster(
    "cluster",
    resource_group_name=group.name,
    resource_name_="aks-rehearsed",
    dns_prefix="aks",
    identity=containerservice.ManagedClusterIdentityArgs(type=containerservice.ResourceIdentityType.SYSTEM_ASSIGNED),
    agent_pool_profiles=[
        containerservice.ManagedClusterAgentPoolProfileArgs(
            name="system",
            count=3,
            vm_size="Standard_D4s_v5",
            mode=containerservice.AgentPoolMode.SYSTEM,
            vnet_subnet_id=subnet.id,
        )
    ],
)
containerservice.AgentPool(
    "h100",
    resource_group_name=group.name,
    resource_name_=cluster.name,
    agent_pool_name="h100a1b2c3",
    vm_size="Standard_ND96isr_H100_v5",
    count=1,
)
inside = k8s.Provider("inside", kubeconfig="{}", cluster_identifier=cluster.id, enable_server_side_apply=True)
k8s.core.v1.Namespace("serving", metadata={"name": "serving"}, opts=pulumi.ResourceOptions(provider=inside))
service = k8s.core.v1.Service(
    "gateway",
    metadata={"name": "gateway", "namespace": "serving"},
    spec={"type": "LoadBalancer", "ports": [{"port": 443}]},
    opts=pulumi.ResourceOptions(provider=inside),
)
k8s.core.v1.Secret(
    "keys",
    metadata={"namespace": "serving"},
    string_data={"key": "canary-of-this-test"},
    opts=pulumi.ResourceOptions(provider=inside),
)
pulumi.export("blob", account.primary_endpoints.blob)
pulumi.export("issuer", cluster.oidc_issuer_profile.issuer_url)
pulumi.export("key", key.key_uri_with_version)
pulumi.export("kubelet", cluster.identity_profile["kubeletidentity"].object_id)
pulumi.export("address", service.status.load_balancer.ingress[0].hostname)
