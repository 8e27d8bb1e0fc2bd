"""Rules that need more than one key: each says where, what is wrong and what would be right."""

from collections.abc import Iterator, Mapping

from documents.values import BUILD
from infra.config.account import TenantTag
from infra.config.account_checks import account_problem
from infra.config.front_checks import check_front
from infra.config.ingress_checks import check_ingress
from infra.config.key_checks import check_keys
from infra.config.local_checks import check_local
from infra.config.neighbour import Neighbour
from infra.config.network_checks import check_network
from infra.config.placement import Cloud, StackKind
from infra.config.pool_checks import check_pools
from infra.config.problem import Problem
from infra.config.quota_checks import check_quota
from infra.config.region_checks import check_regions
from infra.config.settings import StackSettings
from infra.config.state_checks import check_state
from infra.config.tag_checks import check_tags
from infra.config.tenant_checks import check_tenants


def check(settings: StackSettings, neighbours: Mapping[str, Neighbour | None]) -> Iterator[Problem]:
    """Find everything that no single key can know.

    Args:
        settings: What the stack file says, with its tenants.
        neighbours: Every other stack that it names; None for one that has no readable file.
    """
    yield from check_local(settings)
    yield from check_keys(settings)
    yield from _check_kind(settings)
    yield from _check_account(settings)
    yield from check_regions(settings)
    yield from check_tags(settings)
    yield from _check_artifacts(settings)
    yield from check_state(settings)
    yield from check_network(settings, neighbours)
    yield from check_ingress(settings)
    yield from check_front(settings, neighbours)
    yield from check_pools(settings)
    yield from check_quota(settings)
    yield from check_tenants(settings)


def _check_kind(settings: StackSettings) -> Iterator[Problem]:
    if settings.cloud is Cloud.LOCAL and settings.kind is not StackKind.REGION:
        yield Problem(("kind",), f"{settings.kind} is for clouds: a local stack is a region")
    if settings.kind is StackKind.GLOBAL and settings.front is None:
        yield Problem(("front",), "is missing: a global stack needs the domain and the fronts")
    if settings.kind is not StackKind.GLOBAL and settings.front is not None:
        yield Problem(("front",), "is for stacks of kind `global`: remove it, or set kind: global")
    if settings.kind is not StackKind.ACCOUNT and settings.ci is not None:
        yield Problem(("ci",), "is for stacks of kind `account`: remove it, or set kind: account")
    if settings.kind is not StackKind.STATE and settings.backend:
        yield Problem(
            ("backend",), "is for stacks of kind `state`: other stacks are kept where PULUMI_BACKEND_URL says"
        )
    if settings.kind is not StackKind.ACCOUNT and settings.regions:
        yield Problem(("regions",), "is for stacks of kind `account`: remove it, or set kind: account")


def _check_account(settings: StackSettings) -> Iterator[Problem]:
    if settings.cloud is Cloud.LOCAL:
        return
    if (problem := account_problem(settings.cloud, settings.account)) is not None:
        yield Problem(("account",), problem)
    yield from _check_budget(settings)
    if settings.kind is not StackKind.GLOBAL and settings.region == "local":
        yield Problem(("region",), f"is missing: name the region of {settings.cloud} that this stack lives in")


def _check_budget(settings: StackSettings) -> Iterator[Problem]:
    if settings.budget is None:
        return
    path = ("budget", "billingAccount")
    if settings.cloud is Cloud.GCP and settings.budget.billing_account is None:
        yield Problem(path, "is missing: Google Cloud keeps budgets at the billing account that pays the project")
    if settings.cloud is not Cloud.GCP and settings.budget.billing_account is not None:
        yield Problem(path, f"is Google Cloud's: {settings.cloud} keeps budgets at the account itself; remove it")
    if settings.cloud is not Cloud.AWS and settings.budget.tenant_tag is not TenantTag.OFF:
        yield Problem(
            ("budget", "tenantTag"), f"is AWS's: {settings.cloud} sums up costs by any tag that there is; remove it"
        )


def _check_artifacts(settings: StackSettings) -> Iterator[Problem]:
    if settings.cloud is Cloud.LOCAL or settings.kind is not StackKind.REGION:
        return
    for key, image in (("serving", settings.serving.image), ("gateway", settings.gateway.image)):
        if image == BUILD:
            yield Problem(
                (key, "image"),
                "'build' is for local stacks: push the image (`fleet image push`) and name it by the digest printed",
            )
    if settings.monitoring.enabled and settings.monitoring.image == BUILD:
        yield Problem(
            ("monitoring", "image"),
            "'build' is for local stacks: push the image (`fleet image push REGISTRY prometheus`) and name it by the "
            "digest printed, or say enabled: false",
        )
    if settings.model.digest is None:
        yield Problem(
            ("model", "digest"),
            "is missing: pods in a cloud take weights of one digest only; `fleet model manifest` prints it",
        )
