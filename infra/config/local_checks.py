"""Rules of local stacks."""

from collections.abc import Iterator

from documents.values import BUILD
from infra.config.placement import Cloud
from infra.config.problem import Problem
from infra.config.settings import StackSettings


def check_local(settings: StackSettings) -> Iterator[Problem]:
    """Find keys of one machine that don't fit each other, or that stand in a cloud's stack."""
    local = settings.cloud is Cloud.LOCAL
    if settings.kube_context and not local:
        yield Problem(
            ("kubeContext",),
            f"kubeContext is for cloud 'local' only, this stack's is '{settings.cloud}': remove kubeContext",
        )
    if settings.host and not settings.kube_context:
        yield Problem(
            ("host",), "host goes with kubeContext: the embedded cluster has an address of its own; remove host"
        )
    if settings.kube_context and not settings.registry and BUILD in _images(settings):
        yield Problem(
            (),
            "registry is missing: a cluster behind kubeContext pulls its images, so that 'build' needs a registry "
            "to push to (modelfleet:registry: localhost:5000), or name images by digest",
        )
    if settings.serving.gpus > settings.cluster.simulated_gpus and local and not settings.kube_context:
        yield Problem(
            ("serving", "gpus"),
            f"serving.gpus is {settings.serving.gpus} but the embedded cluster offers "
            f"{settings.cluster.simulated_gpus}: lower it, or raise cluster.simulatedGpus (simulated, for rehearsing "
            "the scheduling only)",
        )


def _images(settings: StackSettings) -> set[str]:
    """The images that the stack runs."""
    watches = {settings.monitoring.image} if settings.monitoring.enabled else set()
    return {settings.serving.image, settings.gateway.image, *watches}
