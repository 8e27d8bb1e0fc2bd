"""Programs of Azure's stacks, recorded without an engine (Pulumi's own mocks)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import pulumi
import yaml

from infra.config import StackSettings, from_stack_file
from tenants import Tenant, TenantState
from tests.infra import recording

STACK = "azure-westeurope"
TENANTS = (
    Tenant(name="acme", stacks=(STACK,)),
    Tenant(name="globex", stacks=(STACK,), state=TenantState.SUSPENDED, suspended_since=date(2026, 1, 1)),
    Tenant(name="initech", stacks=(STACK,), state=TenantState.LEAVING, suspended_since=date(2026, 1, 1)),
)
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"

KUBECONFIG = yaml.safe_dump(
    {
        "clusters": [{"name": "aks", "cluster": {"server": "https://aks.invalid:443"}}],
        "users": [
            {
                "name": "user",
                "user": {"exec": {"command": "kubelogin", "args": ["get-token", "--login", "devicecode"]}},
            }
        ],
    }
)

COMPUTED: dict[str, dict[str, Any]] = {
    "azure-native:keyvault:Key": {
        "keyUri": "https://vault.invalid/keys/key",
        "keyUriWithVersion": "https://vault.invalid/keys/key/1",
    },
    "azure-native:managedidentity:UserAssignedIdentity": {"principalId": "principal", "clientId": "client"},
    "azure-native:containerregistry:Registry": {"loginServer": "registry.invalid"},
    "azure-native:dbforpostgresql:Server": {"fullyQualifiedDomainName": "database.invalid"},
    "azure-native:redisenterprise:RedisEnterprise": {"hostName": "cache.invalid"},
    "azure-native:containerservice:ManagedCluster": {
        "oidcIssuerProfile": {"enabled": True, "issuerURL": "https://issuer.invalid/"}
    },
    "azure-native:cdn:AFDEndpoint": {"hostName": "front.azurefd.invalid"},
    "azure-native:cdn:AFDCustomDomain": {"validationProperties": {"validationToken": "token", "expirationDate": ""}},
    "azure-native:dns:Zone": {"nameServers": ["ns1.invalid.", "ns2.invalid."]},
    "azure-native:trafficmanager:Profile": {"dnsConfig": {"fqdn": "models.trafficmanager.invalid"}},
}

CALLS: dict[str, dict[str, Any]] = {
    "azure-native:authorization:getClientConfig": {
        "clientId": "client",
        "objectId": "object",
        "subscriptionId": SUBSCRIPTION,
        "tenantId": "tenant",
    },
    "azure-native:containerservice:listManagedClusterUserCredentials": {
        "kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(KUBECONFIG.encode()).decode()}]
    },
}

_NAMES = (
    "accountName",
    "vaultName",
    "registryName",
    "clusterName",
    "databaseName",
    "serverName",
    "containerName",
    "agentPoolName",
    "virtualNetworkName",
    "privateZoneName",
    "privateEndpointName",
    "profileName",
    "zoneName",
    "resourceName",
    "resourceGroupName",
)
"""Inputs that become `name`, the most particular one first."""


@dataclass
class Recorder(recording.Recorder):
    """Everything that a program registered, and what the engine was told of it."""

    options: dict[tuple[str, str], pulumi.ResourceOptions] = field(default_factory=dict)

    def identifier(self, args: pulumi.runtime.MockResourceArgs) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/{args.typ}/{args.name}"

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        name = next((args.inputs[key] for key in _NAMES if key in args.inputs), args.name)
        own = {"azure-native:storage:StorageAccount": "accountName", "azure-native:cdn:AFDEndpoint": "endpointName"}
        name = args.inputs.get(own.get(args.typ, ""), name)
        outputs = {"name": args.inputs.get("name", name), **super().outputs(args), **COMPUTED.get(args.typ, {})}
        if args.typ == "azure-native:keyvault:Vault":
            outputs["properties"] = {**args.inputs["properties"], "vaultUri": f"https://{name}.vault.invalid/"}
        identity = args.inputs.get("identity")
        if isinstance(identity, dict):  # given as a list of ids, answered as a map by id
            given = identity.get("userAssignedIdentities") or []
            outputs["identity"] = {**identity, "userAssignedIdentities": {one: {} for one in given}}
        return outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return CALLS[args.token], []

    def note(self, args: pulumi.ResourceTransformationArgs) -> None:
        """A transformation that changes nothing and keeps what the engine is told about a resource."""
        self.options[args.type_, args.name] = args.opts

    def options_of(self, kind: str, name: str) -> pulumi.ResourceOptions:
        """What the engine was told about a resource."""
        (found,) = (opts for (typ, known), opts in self.options.items() if typ.endswith(f":{kind}") and known == name)
        return found


def record(program: Callable[[pulumi.ResourceOptions], object], stack: str) -> Recorder:
    """Run a program to its end and give what it registered.

    Args:
        program: Makes components with the options that it is given.
        stack: Name of the stack.
    """
    recorder = Recorder()
    options = pulumi.ResourceOptions(transformations=[recorder.note])
    recording.run(lambda: program(options), recorder, stack=stack)
    return recorder


def settings_of(stack: str, **changed: Any) -> StackSettings:
    """What a stack file of the repository says, with some keys changed."""
    return from_stack_file(recording.ROOT / f"Pulumi.{stack}.yaml").model_copy(update=changed)


@cache
def whole_region() -> Recorder:
    """The repository's region with one tenant of each state, every facet asked for; made once for all tests."""
    from infra.clouds.azure import AzureRegion  # noqa: PLC0415 - the SDK takes seconds to import

    def program(options: pulumi.ResourceOptions) -> None:
        region = AzureRegion("region", settings_of(STACK, tenants=TENANTS), options)
        for facet in ("network", "keys", "cluster", "storage", "registry", "gpu_pools", "identity", "database"):
            assert getattr(region, facet) is not None
        assert region.ingress.host
        assert set(region.tenants) == {tenant.name for tenant in TENANTS}

    return record(program, STACK)
