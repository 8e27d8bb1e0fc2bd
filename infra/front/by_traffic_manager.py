"""Azure's front under a domain in Azure DNS, for fleets that have no AWS account."""

from pathlib import Path

import pulumi
from pulumi_azure_native import resources

from infra.clouds.azure.ingress import Origin
from infra.clouds.azure.scope import Scope
from infra.config import StackSettings
from infra.front.azure import AzureFront, AzureFrontArgs
from infra.front.azure_dns import AzureDns, AzureDnsArgs, AzureFrontTarget
from infra.front.region_stack import origins_of


def join(settings: StackSettings, project_root: Path) -> None:
    """Make the front, and lead the clients' name to it."""
    front = settings.front
    assert front is not None  # noqa: S101 - a global stack has one: checked with the settings
    (cloud,) = front.fronts
    scope = Scope.of(pulumi.get_stack(), settings.model_copy(update={"account": cloud.account, "region": cloud.region}))
    group = resources.ResourceGroup("dns", resource_group_name=scope.name("dns"), location=scope.location)
    dns = AzureDns("dns", AzureDnsArgs(scope, group.name, front.domain, front.ttl_s))
    origins = {
        stack: Origin.from_output(region.region, output) for stack, region, output in origins_of(cloud, project_root)
    }
    made = AzureFront("azure", settings, AzureFrontArgs(front, cloud, front.names_of(cloud), origins))
    for name, value in made.validations.items():
        dns.text(name, value)
    target = AzureFrontTarget(str(cloud.cloud), made.host, cloud.nearest or cloud.region, cloud.weight)
    clients, *tenants = front.names_of(cloud)
    dns.direct(clients, [target], front.routing, *tenants)
    pulumi.export("host", clients)
    pulumi.export("tenantHosts", {tenant.name: name for tenant, name in front.served_by(cloud)})
    pulumi.export("nameServers", dns.name_servers)
