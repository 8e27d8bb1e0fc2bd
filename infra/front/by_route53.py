"""Fronts of any cloud, joined by Route 53: the domain's zone, its records, and what proves whose names they are."""

from pathlib import Path

import pulumi

from infra.clouds.aws.scope import Scope
from infra.config import Cloud, CloudFrontSettings, FrontSettings, StackSettings
from infra.front.aws_dns import AwsDns, AwsDnsArgs, FrontTarget
from infra.front.aws_firewall import HOME
from infra.front.region_stack import origins_of


def join(settings: StackSettings, project_root: Path) -> None:
    """Make every front, and lead the clients' name to them."""
    front = settings.front
    assert front is not None  # noqa: S101 - a global stack has one: checked with the settings
    scope = Scope.of(pulumi.get_stack(), settings.model_copy(update={"region": HOME}))
    dns = AwsDns("dns", AwsDnsArgs(scope, front.domain, front.ttl_s))
    targets = {
        each.cloud: FrontTarget(
            str(each.cloud), _make(settings, front, each, dns, project_root), each.nearest or each.region, each.weight
        )
        for each in front.fronts
    }
    dns.direct(front.clients, list(targets.values()), front.routing)
    for tenant in front.tenants:
        name = tenant.domain or ""
        theirs = [targets[each.cloud] for each in front.fronts if name in front.names_of(each)]
        dns.direct(name, theirs, front.routing, tenant=tenant.name)
    pulumi.export("host", front.clients)
    pulumi.export("tenantHosts", {tenant.name: tenant.domain for tenant in front.tenants})
    pulumi.export("nameServers", dns.name_servers)
    pulumi.export("fronts", {target.name: target.host for target in targets.values()})


def _make(
    settings: StackSettings, front: FrontSettings, cloud: CloudFrontSettings, dns: AwsDns, project_root: Path
) -> pulumi.Input[str]:
    """Make one cloud's front and return its own name."""
    match cloud.cloud:
        case Cloud.AWS:
            return _aws(settings, front, cloud, dns, project_root)
        case Cloud.AZURE:
            return _azure(settings, front, cloud, dns, project_root)
        case Cloud.GCP:
            return _gcp(settings, front, cloud, dns, project_root)
        case Cloud.LOCAL:
            raise AssertionError(cloud)  # refused with the settings


def _aws(
    settings: StackSettings, front: FrontSettings, cloud: CloudFrontSettings, dns: AwsDns, project_root: Path
) -> pulumi.Input[str]:
    from infra.clouds.aws.ingress import Origin  # noqa: PLC0415
    from infra.front.aws import AwsFront, AwsFrontArgs  # noqa: PLC0415

    origins = [Origin.from_output(region.region, output) for _, region, output in origins_of(cloud, project_root)]
    return AwsFront("aws", settings, AwsFrontArgs(front, cloud, dns.zone_id, origins)).host


def _azure(
    settings: StackSettings, front: FrontSettings, cloud: CloudFrontSettings, dns: AwsDns, project_root: Path
) -> pulumi.Input[str]:
    from infra.clouds.azure.ingress import Origin  # noqa: PLC0415
    from infra.front.azure import AzureFront, AzureFrontArgs  # noqa: PLC0415

    origins = {
        stack: Origin.from_output(region.region, output) for stack, region, output in origins_of(cloud, project_root)
    }
    made = AzureFront("azure", settings, AzureFrontArgs(front, cloud, front.names_of(cloud), origins))
    for name, value in made.validations.items():
        dns.record(f"azure-{name}", name, "TXT", [value])
    return made.host


def _gcp(
    settings: StackSettings, front: FrontSettings, cloud: CloudFrontSettings, dns: AwsDns, project_root: Path
) -> pulumi.Input[str]:
    from infra.clouds.gcp.ingress import Origin  # noqa: PLC0415
    from infra.front.gcp import GcpFront, GcpFrontArgs  # noqa: PLC0415

    origins = [Origin.from_output(stack, region, output) for stack, region, output in origins_of(cloud, project_root)]
    made = GcpFront("gcp", settings, GcpFrontArgs(front, cloud, origins))
    dns.record("gcp-delegation", made.host, "NS", made.name_servers)
    for label, validation in made.validations.items():
        name, value = validation.apply(lambda pair: pair[0]), validation.apply(lambda pair: pair[1])
        dns.record(f"gcp-{label}", name, "CNAME", [value])
    return made.host
