"""Which kinds are waited for, and by which rule. A kind that is not here is ready once it is written."""

from collections.abc import Mapping
from typing import Any, Final

from toolchain.kubernetes_provider.api_client import ApiClient
from toolchain.kubernetes_provider.manifest import Annotation, annotation, is_set
from toolchain.kubernetes_provider.readiness.foundations import (
    assess_api_service,
    assess_claim,
    assess_definition,
    assess_namespace,
)
from toolchain.kubernetes_provider.readiness.networking import assess_ingress, assess_service
from toolchain.kubernetes_provider.readiness.pods import assess_pod
from toolchain.kubernetes_provider.readiness.requested import assess_requested
from toolchain.kubernetes_provider.readiness.verdict import Assess, Verdict
from toolchain.kubernetes_provider.readiness.workloads import (
    assess_daemon_set,
    assess_deployment,
    assess_job,
    assess_replica_set,
    assess_stateful_set,
)

_RULES: Final[Mapping[tuple[str, str], Assess]] = {
    ("", "Namespace"): assess_namespace,
    ("", "PersistentVolumeClaim"): assess_claim,
    ("", "Pod"): assess_pod,
    ("", "ReplicationController"): assess_replica_set,
    ("", "Service"): assess_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): assess_definition,
    ("apiregistration.k8s.io", "APIService"): assess_api_service,
    ("apps", "DaemonSet"): assess_daemon_set,
    ("apps", "Deployment"): assess_deployment,
    ("apps", "ReplicaSet"): assess_replica_set,
    ("apps", "StatefulSet"): assess_stateful_set,
    ("batch", "Job"): assess_job,
    ("networking.k8s.io", "Ingress"): assess_ingress,
}


def rule_for(live: Mapping[str, Any]) -> Assess | None:
    """Give the rule by which an object is ready; None if it is so at once, or is not to be waited for."""
    if is_set(live, Annotation.SKIP_AWAIT):
        return None
    requested = annotation(live, Annotation.WAIT_FOR)
    if requested is not None:

        async def assess(client: ApiClient, current: Mapping[str, Any]) -> Verdict:
            del client
            return assess_requested(current, requested)

        return assess
    group = live["apiVersion"].rpartition("/")[0]
    return _RULES.get((group, live["kind"]))
