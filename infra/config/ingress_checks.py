"""Rules of the region's origin: a certificate of a public authority is for a name, and is in a vault."""

from collections.abc import Iterator

from infra.config.key_vault import KeyVaultSecret
from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings


def check_ingress(settings: StackSettings) -> Iterator[Problem]:
    """Find certificates that nothing would read, that are for no name, or whose place is no secret's."""
    certificate = settings.ingress.certificate
    if certificate is None:
        return
    path = ("ingress", "certificate")
    if settings.cloud is not Cloud.AZURE or settings.kind is not StackKind.REGION:
        yield Problem(
            path,
            "is for regions on Azure: fronts of other clouds trust the authority that a region makes itself; remove it",
        )
        return
    try:
        KeyVaultSecret.of(certificate)
    except ValueError as error:
        yield Problem(path, str(error))
    if settings.ingress.host is None:
        yield Problem(("ingress", "host"), "is missing: name the host that the certificate in the vault is for")
