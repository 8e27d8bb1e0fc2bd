"""Rules of the global stack: fronts of regions that there are."""

from collections.abc import Iterator, Mapping

from infra.config.account_checks import account_problem
from infra.config.front import CloudFrontSettings, FrontSettings, Routing
from infra.config.neighbour import Neighbour
from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings
from tenants import TENANTS_FOLDER

_OUR_NAMES = frozenset({"api", "gcp", "origin"})
"""Names below the domain that the fronts have themselves."""
_MOST_NAMES = 98
"""CloudFront takes 100 alternate names for a distribution, two of which are ours
(docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html)."""


def check_front(settings: StackSettings, neighbours: Mapping[str, Neighbour | None]) -> Iterator[Problem]:
    """Find fronts of another cloud's regions, of no regions, and clouds that have two."""
    if settings.front is None:
        return
    if settings.cloud not in {Cloud.AWS, Cloud.AZURE}:
        yield Problem(("cloud",), f"the DNS of {settings.cloud} can't direct clients: name aws or azure")
    clouds: set[Cloud] = set()
    for index, front in enumerate(settings.front.fronts):
        path = ("front", "fronts", index)
        if front.cloud is Cloud.LOCAL:
            yield Problem((*path, "cloud"), "a local stack has no front: name aws, azure or gcp")
            continue
        if front.cloud in clouds:
            yield Problem((*path, "cloud"), f"{front.cloud} has a front already: put its stacks together")
        clouds.add(front.cloud)
        if settings.cloud is Cloud.AZURE and front.cloud is not Cloud.AZURE:
            yield Problem((*path, "cloud"), f"a front of {front.cloud} needs the domain in Route 53: set cloud: aws")
        if settings.front.routing is Routing.LATENCY and front.cloud is not settings.cloud and not front.nearest:
            yield Problem((*path, "nearest"), f"is missing: name the region of {settings.cloud} that is nearest to it")
        if (problem := account_problem(front.cloud, front.account)) is not None:
            yield Problem((*path, "account"), problem)
        for position, text in _check_stacks(front, neighbours):
            yield Problem((*path, "stacks", position), text)
    yield from _check_names(settings.front)


def _check_names(front: FrontSettings) -> Iterator[Problem]:
    """Find tenants' names that can't be served: elsewhere than in this zone, taken, or not known in every region."""
    taken: dict[str, str] = {}
    for tenant in front.tenants:
        file, name = f"{TENANTS_FOLDER}/{tenant.name}.yaml", tenant.domain or ""
        label = name.removesuffix(f".{front.domain}")
        if label == name or "." in label:
            problem = f"{file} has the name {name}, which is not right below {front.domain}, whose zone is made here"
            yield Problem(
                ("front", "domain"), f"{problem}: call it {tenant.name}.{front.domain}, or leave `domain` out"
            )
        elif label in _OUR_NAMES or name in taken:
            whose = f"{taken[name]}'s" if name in taken else "the fronts' own"
            yield Problem(("front", "domain"), f"{file} has the name {name}, which is {whose}: choose another")
        taken.setdefault(name, tenant.name)
        for index, cloud in enumerate(front.fronts):
            hosting = set(cloud.stacks) & set(tenant.stacks)
            if lacking := sorted(set(cloud.stacks) - hosting) if hosting else []:
                problem = f"{file} has a name of its own, and requests to it may get to {', '.join(lacking)}, which"
                yield Problem(
                    ("front", "fronts", index, "stacks"),
                    f"{problem} doesn't host it: let every region of a front host the tenant, or leave `domain` out",
                )
    if len(front.tenants) > _MOST_NAMES:
        problem = f"{len(front.tenants)} tenants have names of their own, and a distribution takes {_MOST_NAMES}"
        yield Problem(("front", "domain"), f"{problem}: let some use {front.clients}")


def _check_stacks(front: CloudFrontSettings, neighbours: Mapping[str, Neighbour | None]) -> Iterator[tuple[int, str]]:
    for position, stack in enumerate(front.stacks):
        neighbour = neighbours[stack]
        if neighbour is None:
            yield position, f"{stack!r} is no stack: name one whose Pulumi.{stack}.yaml is right"
        elif neighbour.cloud is not front.cloud or neighbour.kind is not StackKind.REGION:
            yield position, f"{stack} is a {neighbour.kind} stack of {neighbour.cloud}: a front has its cloud's regions"
        elif front.cloud is Cloud.AZURE and neighbour.ingress.certificate is None:
            yield (
                position,
                (
                    f"{stack} serves under a private authority's certificate, which Azure Front Door refuses: set "
                    f"ingress.host and ingress.certificate in Pulumi.{stack}.yaml"
                ),
            )
