"""What keeps a rehearsal from touching the world, checked by every plugin for itself.

A simulator that were found by an update of a real stack would write a state that no cloud knows; one that ran beside
credentials could hand them to a program that uses them. So a plugin works only for an engine whose backend is the
rehearsal's own, and only where nothing could authenticate to a cloud.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from toolchain.flavour import VARIABLE, Flavour

WORLD_VARIABLE: Final = "MODELFLEET_REHEARSAL"
"""The environment variable with the rehearsal's folder."""
MARK: Final = "this-is-a-rehearsal"
"""A file of this name marks a rehearsal's folder."""

CREDENTIALS: Final = frozenset(
    {
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ARM_ACCESS_KEY",
        "ARM_CLIENT_CERTIFICATE_PASSWORD",
        "ARM_CLIENT_CERTIFICATE_PATH",
        "ARM_CLIENT_SECRET",
        "ARM_OIDC_REQUEST_TOKEN",
        "ARM_OIDC_TOKEN",
        "ARM_USE_MSI",
        "AWS_ACCESS_KEY_ID",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "CLOUDSDK_AUTH_ACCESS_TOKEN",
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CREDENTIALS",
        "GOOGLE_OAUTH_ACCESS_TOKEN",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "KUBECONFIG",
        "MSI_ENDPOINT",
        "MSI_SECRET",
        "PULUMI_ACCESS_TOKEN",
    }
)
"""Variables with which a program or SDK could authenticate to a cloud, to a cluster or to a state service: those that
the clouds' own SDKs read in their default chains, and those by which GitHub's runners get tokens."""
_PREFIXES: Final = ("ACTIONS_ID_TOKEN_", "ARM_", "AWS_", "AZURE_", "CLOUDSDK_", "GCLOUD_", "GOOGLE_", "KUBE_")
_FILES: Final = (
    ".aws/credentials",
    ".aws/config",
    ".azure",
    ".config/gcloud",
    ".kube/config",
    ".pulumi/credentials.json",
)
"""Where the same are kept below a home folder."""


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment without anything that a cloud's tools read."""
    return {
        name: value for name, value in environment.items() if name not in CREDENTIALS and not name.startswith(_PREFIXES)
    }


def refusals(environment: Mapping[str, str]) -> Iterable[str]:
    """Yield why a simulator must not work in an environment, nothing if it may."""
    world = environment.get(WORLD_VARIABLE, "")
    if environment.get(VARIABLE) != Flavour.SIMULATED or not world or not (Path(world) / MARK).is_file():
        yield "this is a simulated cloud, and no rehearsal is under way: use `fleet rehearse STACK`"
        return
    backend = environment.get("PULUMI_BACKEND_URL", "")
    if backend != backend_url(Path(world)) and not backend.startswith(f"file://{Path(world)}/buckets/"):
        yield f"a simulated cloud works only with the rehearsal's own state, not with {backend or 'no backend'}"
    for name in sorted(CREDENTIALS & {name for name, value in environment.items() if value}):
        yield f"{name} is set: a rehearsal runs without credentials"
    home = Path(environment.get("HOME") or Path.home())
    for name in _FILES:
        if (home / name).exists():
            yield f"{home / name} could hold credentials: a rehearsal has a home folder of its own"


def backend_url(world: Path) -> str:
    """Give the URL of a rehearsal's own state backend."""
    return f"file://{world / 'backend'}"


def refusal() -> str | None:
    """Give why this process must not work, None if it may."""
    found = list(refusals(os.environ))
    return "; ".join(found) or None
