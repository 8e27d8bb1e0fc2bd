"""Rules that need more than one key: each says where, what is wrong and what would be right."""

import re
from collections.abc import Iterator, Mapping

from documents.values import BUILD
from infra.config.local_checks import check_local
from infra.config.network import NetworkSettings
from infra.config.network_checks import check_network
from infra.config.placement import Cloud, StackKind
from infra.config.pool_checks import check_pools
from infra.config.problem import Problem
from infra.config.settings import StackSettings

# AWS: 12 digits. Azure: a UUID. Google: 6 to 30 characters (https://cloud.google.com/resource-manager/docs/creating-managing-projects).
_ACCOUNTS = {
    Cloud.AWS: (re.compile(r"[0-9]{12}"), "the account's 12 digits, in quotes"),
    Cloud.AZURE: (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "the subscription's id, a lower-case UUID"),
    Cloud.GCP: (
        re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]"),
        "the project's id: 6 to 30 lower-case letters, digits and '-'",
    ),
}


def check(settings: StackSettings, peers: Mapping[str, NetworkSettings | None]) -> Iterator[Problem]:
    """Find everything that no single key can know.

    Args:
        settings: What the stack file says, with its tenants.
        peers: The networks of the stacks that `network.peers` names; None for one that has no file.
    """
    yield from check_local(settings)
    yield from _check_keys(settings)
    yield from _check_kind(settings)
    yield from _check_account(settings)
    yield from _check_artifacts(settings)
    yield from check_network(settings, peers)
    yield from check_pools(settings)


def _check_keys(settings: StackSettings) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, key in enumerate(settings.keys):
        if key.id in seen:
            yield Problem(("keys", index, "id"), f"the id {key.id!r} is there twice: each key needs an id of its own")
        seen.add(key.id)


def _check_kind(settings: StackSettings) -> Iterator[Problem]:
    if settings.cloud is Cloud.LOCAL and settings.kind is not StackKind.REGION:
        yield Problem(("kind",), f"{settings.kind} is for clouds: a local stack is a region")
    if settings.kind is StackKind.GLOBAL and settings.front is None:
        yield Problem(("front",), "is missing: a global stack needs the domain and the fronts")
    if settings.kind is not StackKind.GLOBAL and settings.front is not None:
        yield Problem(("front",), "is for stacks of kind `global`: remove it, or set kind: global")
    if settings.kind is not StackKind.ACCOUNT and settings.ci is not None:
        yield Problem(("ci",), "is for stacks of kind `account`: remove it, or set kind: account")
    if settings.kind is not StackKind.ACCOUNT and settings.regions:
        yield Problem(("regions",), "is for stacks of kind `account`: remove it, or set kind: account")


def _check_account(settings: StackSettings) -> Iterator[Problem]:
    if settings.cloud is Cloud.LOCAL:
        return
    pattern, right = _ACCOUNTS[settings.cloud]
    if not pattern.fullmatch(settings.account):
        found = f"{settings.account!r} is no account of {settings.cloud}" if settings.account else "is missing"
        yield Problem(("account",), f"{found}: give {right}")
    if settings.kind is not StackKind.GLOBAL and settings.region == "local":
        yield Problem(("region",), f"is missing: name the region of {settings.cloud} that this stack lives in")


def _check_artifacts(settings: StackSettings) -> Iterator[Problem]:
    if settings.cloud is Cloud.LOCAL or settings.kind is not StackKind.REGION:
        return
    for key, image in (("serving", settings.serving.image), ("gateway", settings.gateway.image)):
        if image == BUILD:
            yield Problem(
                (key, "image"),
                "'build' is for local stacks: push the image (`fleet image push`) and name it by the digest printed",
            )
    if settings.model.digest is None:
        yield Problem(
            ("model", "digest"), "is missing: pods in a cloud take weights of one digest only; `fleet model` prints it"
        )
