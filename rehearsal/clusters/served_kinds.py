"""The kinds that each cloud's clusters know besides Kubernetes' own: the add-ons that the clouds themselves install.

Schemas say what the clouds document, so that a misspelt field is refused here too. What a program installs by itself
(on EKS, whatever is no add-on) isn't here.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.clusters.managed_cluster import AKS, EKS, GKE

_TEXT: Final = {"type": "string"}
_TRUTH: Final = {"type": "boolean"}
_NUMBER: Final = {"type": "integer"}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": dict(values)}


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: dict(value) for name, value in properties.items()}}


_FREE: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

# cloud.google.com/kubernetes-engine/docs/reference/crds/computeclass
_COMPUTE_CLASS: Final = _object(
    priorities=_list(
        _object(
            nodepools=_list(_TEXT),
            machineFamily=_TEXT,
            machineType=_TEXT,
            spot=_TRUTH,
            minCores=_NUMBER,
            minMemoryGb=_NUMBER,
            gpu=_FREE,
            tpu=_FREE,
            storage=_FREE,
            reservations=_FREE,
            flexStart=_FREE,
            location=_FREE,
            maxRunDurationSeconds=_NUMBER,
        )
    ),
    nodePoolAutoCreation=_object(enabled=_TRUTH),
    whenUnsatisfiable={**_TEXT, "enum": ["ScaleUpAnyway", "DoNotScaleUp"]},
    activeMigration=_object(optimizeRulePriority=_TRUTH, ensureAllDaemonSetPodsRunning=_TRUTH),
    autoscalingPolicy=_object(
        consolidationDelayMinutes=_NUMBER, consolidationThreshold=_NUMBER, gpuConsolidationThreshold=_NUMBER
    ),
    nodePoolConfig=_FREE,
    nodePoolGroup=_FREE,
    priorityDefaults=_FREE,
    description=_TEXT,
    autopilot=_FREE,
)
# cloud.google.com/kubernetes-engine/docs/how-to/setup-multinetwork-support-for-pods
_NETWORK: Final = _object(
    type={**_TEXT, "enum": ["L2", "L3", "Device"]},
    parametersRef=_object(group=_TEXT, kind=_TEXT, name=_TEXT, namespace=_TEXT),
    routes=_list(_object(to=_TEXT)),
    gateway4=_TEXT,
    externalDHCP4=_TRUTH,
    dnsConfig=_object(nameservers=_list(_TEXT), searches=_list(_TEXT)),
    IPAMMode=_TEXT,
    l2NetworkConfig=_FREE,
    networkLifecycle=_TEXT,
    nodeInterfaceMatcher=_FREE,
    provider=_FREE,
)
_NETWORK_PARAMETERS: Final = _object(
    vpc=_TEXT,
    vpcSubnet=_TEXT,
    deviceMode={**_TEXT, "enum": ["DPDK-VFIO", "NetDevice", "RDMA"]},
    podIPv4Ranges=_object(rangeNames=_list(_TEXT)),
    networkAttachment=_TEXT,
)
# secrets-store-csi-driver.sigs.k8s.io/concepts#secretproviderclass
_SECRET_PROVIDER_CLASS: Final = _object(
    provider=_TEXT,
    parameters=_map(_TEXT),
    secretObjects=_list(
        _object(
            secretName=_TEXT,
            type=_TEXT,
            labels=_map(_TEXT),
            annotations=_map(_TEXT),
            data=_list(_object(objectName=_TEXT, key=_TEXT)),
        )
    ),
)


def _definition(kind: str, group: str, spec: Mapping[str, Any], *, plural: str, scope: str) -> dict[str, Any]:
    """Define a kind; all of these are at v1."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            # The API server asks it of whoever defines a kind in a group of Kubernetes' own.
            "annotations": {"api-approved.kubernetes.io": "unapproved, simulated"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": scope,
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "properties": {"spec": dict(spec), "status": _FREE}}
                    },
                }
            ],
        },
    }


SERVED_KINDS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    EKS: (),
    AKS: (
        # learn.microsoft.com/azure/aks/csi-secrets-store-driver
        _definition(
            "SecretProviderClass",
            "secrets-store.csi.x-k8s.io",
            _SECRET_PROVIDER_CLASS,
            plural="secretproviderclasses",
            scope="Namespaced",
        ),
    ),
    GKE: (
        _definition("ComputeClass", "cloud.google.com", _COMPUTE_CLASS, plural="computeclasses", scope="Cluster"),
        _definition("Network", "networking.gke.io", _NETWORK, plural="networks", scope="Cluster"),
        _definition(
            "GKENetworkParamSet",
            "networking.gke.io",
            _NETWORK_PARAMETERS,
            plural="gkenetworkparamsets",
            scope="Cluster",
        ),
    ),
}
"""CustomResourceDefinitions by type of cluster."""
