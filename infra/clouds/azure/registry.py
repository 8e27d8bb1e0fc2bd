"""The region's container registry: premium, under a key of ours, pulled from inside by identity alone.

Tags are for people: what runs is named by digest. Azure has no setting that keeps a registry's tags from moving; a
push can lock each image (`az acr repository update --write-enabled false`), which `anonymous pull: off` and digests
make a second line only.
"""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerregistry

from infra.clouds.azure.keys import EncryptionKey
from infra.clouds.azure.logs import Logs
from infra.clouds.azure.private_link import PrivateDns, PrivateEndpoint, PrivateEndpointArgs, PrivateService
from infra.clouds.azure.protection import lock
from infra.clouds.azure.scope import Scope


@dataclass(frozen=True)
class RegistryArgs:
    """What a registry is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        key: The key that encrypts it; it can't be given later.
        replica_region: A second region that holds every image; None for none.
        endpoints_subnet: Where it gets its private addresses.
        dns: The private zones.
        logs: Where pulls, pushes and logins are recorded.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    key: EncryptionKey
    replica_region: str | None
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns
    logs: Logs


class Registry(pulumi.ComponentResource):
    """Registry, its replica and its private endpoint.

    Attributes:
        identifier: Its id.
        login_server: Its host name.
    """

    identifier: pulumi.Output[str]
    login_server: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Registry", name, None, opts)
        registry = _registry(args, self)
        self.identifier, self.login_server = registry.id, registry.login_server
        made: list[pulumi.Resource] = [registry]
        if args.replica_region is not None:
            made.append(
                containerregistry.Replication(
                    "registry-replica",
                    resource_group_name=args.resource_group,
                    registry_name=registry.name,
                    replication_name=args.replica_region,
                    location=args.replica_region,
                    region_endpoint_enabled=True,
                    zone_redundancy=containerregistry.ZoneRedundancy.ENABLED,
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        PrivateEndpoint(
            "registry-endpoint",
            PrivateEndpointArgs(
                resource_group=args.resource_group,
                endpoint_name=args.scope.name("registry"),
                service=PrivateService.REGISTRY,
                target_id=registry.id,
                subnet_id=args.endpoints_subnet,
                dns=args.dns,
            ),
            # A replica adds an address to the endpoint.
            opts=pulumi.ResourceOptions(parent=self, depends_on=made),
        )
        args.logs.record(
            "registry-logs",
            of=registry.id,
            categories=["ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"],
            parent=self,
        )
        lock("registry-lock", scope=args.scope, on=registry.id, parent=self, after=made)
        self.register_outputs({"identifier": self.identifier, "loginServer": self.login_server})


def _registry(args: RegistryArgs, parent: pulumi.Resource) -> containerregistry.Registry:
    enabled, disabled = containerregistry.PolicyStatus.ENABLED, containerregistry.PolicyStatus.DISABLED
    identities = args.key.identity.id.apply(lambda identity: {identity: containerregistry.UserIdentityPropertiesArgs()})
    return containerregistry.Registry(
        "registry",
        resource_group_name=args.resource_group,
        registry_name=args.scope.global_name("registry"),
        # Premium: private link, customer-managed keys and replicas
        # (learn.microsoft.com/azure/container-registry/container-registry-skus).
        sku=containerregistry.SkuArgs(name=containerregistry.SkuName.PREMIUM),
        identity=containerregistry.IdentityPropertiesArgs(
            type=containerregistry.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=identities
        ),
        encryption=containerregistry.EncryptionPropertyArgs(
            status=containerregistry.EncryptionStatus.ENABLED,
            # Without a version: the registry follows the key's rotation.
            key_vault_properties=containerregistry.KeyVaultPropertiesArgs(
                identity=args.key.identity.client_id, key_identifier=args.key.uri
            ),
        ),
        admin_user_enabled=False,
        anonymous_pull_enabled=False,
        data_endpoint_enabled=True,
        public_network_access=containerregistry.PublicNetworkAccess.DISABLED,
        network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
        network_rule_set=containerregistry.NetworkRuleSetArgs(default_action=containerregistry.DefaultAction.DENY),
        zone_redundancy=containerregistry.ZoneRedundancy.ENABLED,
        policies=containerregistry.PoliciesArgs(
            # A token for the whole of Azure opens no registry.
            azure_ad_authentication_as_arm_policy=containerregistry.AzureADAuthenticationAsArmPolicyArgs(
                status=disabled
            ),
            export_policy=containerregistry.ExportPolicyArgs(status=containerregistry.ExportPolicyStatus.DISABLED),
            retention_policy=containerregistry.RetentionPolicyArgs(status=enabled, days=30),
        ),
        opts=pulumi.ResourceOptions.merge(
            args.scope.data(parent, args.key.granted), pulumi.ResourceOptions(replace_on_changes=["encryption.status"])
        ),
    )
