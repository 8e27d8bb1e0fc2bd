"""Rules of the global stack: fronts of regions that there are."""

from collections.abc import Iterator, Mapping

from infra.config.account_checks import account_problem
from infra.config.front import CloudFrontSettings, Routing
from infra.config.neighbour import Neighbour
from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings


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
