"""The Pulumi program: one stack is one region."""

import sys
from pathlib import Path

import pulumi

from infra.clouds import create_region
from infra.cluster import Gateway, Isolation, Serving
from infra.config import SettingsError, from_pulumi
from toolchain.errors import ToolchainError
from toolchain.flavour import guard_program

_TOLD = 32
"""Exit status by which a language host knows that the user was told: it adds no words of its own (the Python SDK's
executor uses the same one)."""


def main() -> None:
    """Settings -> region -> what runs in its cluster -> outputs."""
    guard_program(pulumi.get_stack(), dry_run=pulumi.runtime.is_dry_run())
    settings = from_pulumi(pulumi.get_stack(), Path(__file__).parent.parent)
    region = create_region(settings)
    isolation = Isolation("isolation", region=region)
    serving = Serving("serving", region=region, isolation=isolation, settings=settings)
    gateway = Gateway("gateway", region=region, isolation=isolation, serving=serving, settings=settings)

    pulumi.export("endpoint", gateway.endpoint)
    pulumi.export("caCertificate", region.ingress.ca_certificate)
    pulumi.export("model", settings.model.name)
    pulumi.export("modelDigest", region.storage.model_digest)
    pulumi.export("images", {"server": region.registry.server, "gateway": region.registry.gateway})
    pulumi.export("apiKeys", pulumi.Output.secret(gateway.keys))
    pulumi.export("kubeconfig", region.cluster.kubeconfig)


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
