"""What a region's Kubernetes says that it runs, without asking what was released: the drill's own evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_COMPONENT: Final = "app.kubernetes.io/name"


@dataclass(frozen=True)
class Standing:
    """A region at one moment.

    Attributes:
        images: Image in each Deployment's template.
        generations: How often each Deployment was changed.
        serving: Images of pods that are ready and aren't being deleted, by Deployment.
        pods: Names of those pods.
    """

    images: Mapping[str, str]
    generations: Mapping[str, int]
    serving: Mapping[str, frozenset[str]]
    pods: frozenset[str]

    @classmethod
    def of(cls, deployments: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]) -> "Standing":
        """Read it from the API server's objects."""
        ready = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp") and _is_ready(pod)]
        names = [each["metadata"]["name"] for each in deployments]
        return cls(
            images={each["metadata"]["name"]: _image(each["spec"]["template"]) for each in deployments},
            generations={each["metadata"]["name"]: each["metadata"]["generation"] for each in deployments},
            serving={
                name: frozenset(_image(pod) for pod in ready if pod["metadata"]["labels"].get(_COMPONENT) == name)
                for name in names
            },
            pods=frozenset(pod["metadata"]["name"] for pod in ready),
        )


def _image(holder: Mapping[str, Any]) -> str:
    return holder["spec"]["containers"][0]["image"]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
