"""The Pulumi program: one stack is a region, what an account has once, the front of all regions, or their state."""

import sys
from pathlib import Path

import pulumi

from infra.account import create_account
from infra.clouds import create_region
from infra.cluster import Gateway, Isolation, Monitoring, Serving, Tenancy
from infra.config import Phase, SettingsError, StackKind, StackSettings, from_pulumi
from infra.front import create_front
from infra.state import create_state
from toolchain.errors import ToolchainError
from toolchain.flavour import guard_program

_TOLD = 32
"""Exit status by which a language host knows that the user was told: it adds no words of its own (the Python SDK's
executor uses the same one)."""


def main() -> None:
    """Settings -> what this stack is."""
    guard_program(pulumi.get_stack(), dry_run=pulumi.runtime.is_dry_run())
    project_root = Path(__file__).parent.parent
    settings = from_pulumi(pulumi.get_stack(), project_root)
    match settings.kind:
        case StackKind.REGION:
            serve_region(settings)
        case StackKind.ACCOUNT:
            create_account(settings)
        case StackKind.GLOBAL:
            create_front(settings, project_root)
        case StackKind.STATE:
            create_state(settings)


def serve_region(settings: StackSettings) -> None:
    """Region -> what runs in its cluster -> outputs."""
    region = create_region(settings)
    pulumi.export("region", region.name)
    pulumi.export("network", region.network.identifier)
    pulumi.export("keys", {str(purpose): key for purpose, key in region.keys.identifiers.items()})
    pulumi.export("model", settings.model.name)
    pulumi.export("modelUri", region.storage.model_uri)
    pulumi.export("modelDigest", region.storage.model_digest)
    pulumi.export("images", {"server": region.registry.server, "gateway": region.registry.gateway})
    pulumi.export("origin", region.origin.as_output() if region.origin else None)
    pulumi.export("caCertificate", region.ingress.ca_certificate)
    pulumi.export("kubeconfig", region.cluster.kubeconfig)
    pulumi.export("tunnel", region.tunnel)
    if settings.phase is Phase.CLOUD:
        return  # the API server is private, and the way to it was only just made

    isolation = Isolation("isolation", region=region)
    serving = Serving("serving", region=region, isolation=isolation, settings=settings)
    gateway = Gateway("gateway", region=region, isolation=isolation, serving=serving, settings=settings)
    monitoring = Monitoring("monitoring", region=region, isolation=isolation, settings=settings)
    tenancies = {
        tenant.name: Tenancy(tenant, region=region, isolation=isolation).namespace for tenant in settings.tenants
    }
    pulumi.export("endpoint", gateway.endpoint)
    pulumi.export("apiKeys", pulumi.Output.secret(gateway.keys))
    pulumi.export("tenants", tenancies)
    pulumi.export("prometheus", monitoring.service)


try:
    main()
except SettingsError as error:
    # A mistake in a file is no crash of the program: its findings, and nothing else.
    for finding in error.findings:
        pulumi.log.error(str(finding))
    sys.exit(_TOLD)
except ToolchainError as error:
    pulumi.log.error(str(error))
    sys.exit(_TOLD)
