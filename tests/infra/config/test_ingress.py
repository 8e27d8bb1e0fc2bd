"""A certificate of a public authority: where it may be, what it needs, and who can't do without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.config.key_vault import KeyVaultSecret

Told = Callable[..., list[str]]
SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
SECRET = f"{SUBSCRIPTION}/resourceGroups/certificates/providers/Microsoft.KeyVault/vaults/example/secrets/west"
FRONT: dict[str, Any] = {
    "cloud": "azure",
    "account": "00000000-0000-4000-8000-000000000001",
    "region": "westeurope",
    "stacks": ["one"],
}


def test_the_id_of_a_secret_names_its_vault() -> None:
    secret = KeyVaultSecret.of(SECRET)
    assert (secret.identifier, secret.vault, secret.name) == (SECRET, "example", "west")


@pytest.mark.parametrize(
    ("cloud", "ingress", "finding"),
    [
        (
            "azure",
            {"host": "one.example.com", "certificate": "https://example.vault.azure.net/secrets/west"},
            "modelfleet:ingress.certificate: 'https://example.vault.azure.net/secrets/west' is not the id of a secret",
        ),
        ("azure", {"host": "one.example.com", "certificate": f"{SECRET}/"}, "modelfleet:ingress.certificate: "),
        ("azure", {"certificate": SECRET}, "modelfleet:ingress.host: is missing"),
        ("azure", {"host": "One"}, "modelfleet:ingress.host: 'One' is not a host name"),
        (
            "aws",
            {"host": "one.example.com", "certificate": SECRET},
            "modelfleet:ingress.certificate: is for regions on",
        ),
    ],
)
def test_a_certificate_is_for_a_name_and_in_a_vault(
    told: Told, cloud: str, ingress: dict[str, Any], finding: str
) -> None:
    (found,) = told(cloud=cloud, ingress=ingress)
    assert found.startswith(finding)


def test_front_door_takes_no_region_without_one(told: Told, write: Callable[..., Path]) -> None:
    write("one", "azure")
    front = {"domain": "models.example.com", "routing": "failover", "fronts": [FRONT]}
    (found,) = told(cloud="azure", kind="global", front=front)
    assert found.startswith("modelfleet:front.fronts[0].stacks[0]: one serves under a private authority's certificate")
    assert "ingress.certificate in Pulumi.one.yaml" in found
    write("one", "azure", ingress={"host": "one.example.com", "certificate": SECRET})
    assert told(cloud="azure", kind="global", front=front) == []
