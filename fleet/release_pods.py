"""What a pod's object says of a release: what keeps its containers from running, how often they crashed, and how.

A pod on its way out says nothing: a bad release's outlives the way back by its grace period.

Fields of the Kubernetes API, `core/v1` PodStatus and ContainerStatus
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from release.gate.check import PodTrouble
from release.gate.pods import crashing

TROUBLES: Final = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Why the kubelet lets a container wait that won't come by itself (Kubernetes' pkg/kubelet/images/types.go and
pkg/kubelet/kuberuntime/kuberuntime_container.go)."""
CRASHES: Final = "Crashes"
"""The reason of a trouble that is read from counts: no state of Kubernetes has this name."""
_MESSAGE_LIMIT: Final = 300


def restarts(pod: Mapping[str, Any]) -> Mapping[str, int]:
    """Give how often each container of a pod was restarted in its life, by `pod/container`; init containers too."""
    return {_name(pod, each): each["restartCount"] for each in _statuses(pod)}


def ends(pod: Mapping[str, Any]) -> Mapping[str, str]:
    """Say how each container of a pod that has restarted ended last, by `pod/container`."""
    said = {}
    for each in _statuses(pod):
        end = (each.get("lastState") or {}).get("terminated")
        if each["restartCount"] and end:
            said[_name(pod, each)] = f"ended last with exit code {end['exitCode']} ({end.get('reason', 'no reason')})"
    return said


def troubles(pod: Mapping[str, Any]) -> Iterator[PodTrouble]:
    """Give the containers of a pod that wait for what won't come by itself."""
    images = _images(pod)
    for container in _statuses(pod):
        waits = (container.get("state") or {}).get("waiting") or {}
        if waits.get("reason") in TROUBLES:
            message = (waits.get("message") or "")[:_MESSAGE_LIMIT]
            yield PodTrouble(pod["metadata"]["name"], waits["reason"], message, images.get(container["name"], ""))


def crashes(pod: Mapping[str, Any], before: Mapping[str, int]) -> Iterator[PodTrouble]:
    """Give the containers of a pod that restart again and again, whether or not they run at this moment.

    Args:
        pod: Its object.
        before: Restarts by `pod/container` before what is judged.
    """
    said, images = ends(pod), _images(pod)
    for name, number in crashing(before, restarts(pod)).items():
        pod_name, _, container = name.partition("/")
        message = f"{container} restarted {number} times since before the update; {said.get(name, '')}".rstrip("; ")
        yield PodTrouble(pod_name, CRASHES, message, images.get(container, ""), conclusive=True)


def _statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if pod["metadata"].get("deletionTimestamp"):
        return []
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _images(pod: Mapping[str, Any]) -> Mapping[str, str]:
    spec = pod.get("spec") or {}
    return {each["name"]: each["image"] for key in ("initContainers", "containers") for each in spec.get(key) or ()}


def _name(pod: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    return f"{pod['metadata']['name']}/{status['name']}"
