"""What the kubelet of a simulated node reports of its pods: they run and are ready at once, and do nothing.

A pod's own restart policy says how its containers go: a Job's are at their end at once.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.clusters.nodes import timestamp

_READY: Final = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


def needs_start(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod was given to a node and doesn't run yet."""
    bound = bool(pod["spec"].get("nodeName")) and "deletionTimestamp" not in pod["metadata"]
    return bound and (pod.get("status") or {}).get("phase", "Pending") == "Pending"


def started(pod: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Give the status of a pod that has started.

    Args:
        pod: the pod.
        address: the address that it gets.
    """
    spec, now = pod["spec"], timestamp()
    ends = spec.get("restartPolicy") != "Always"
    running = {"terminated": _ended(now)} if ends else {"running": {"startedAt": now}}
    ready = "False" if ends else "True"
    return {
        "phase": "Succeeded" if ends else "Running",
        "startTime": now,
        "hostIP": address,
        "hostIPs": [{"ip": address}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            *_kept(pod),
            *(
                {
                    "type": kind,
                    "status": ready if kind in {"Ready", "ContainersReady"} else "True",
                    "reason": "PodCompleted" if ends else "Simulated",
                    "lastTransitionTime": now,
                }
                for kind in _READY
            ),
        ],
        "containerStatuses": [_container(each, running, ready=not ends) for each in spec["containers"]],
        "initContainerStatuses": [
            # One that restarts always is a sidecar, and runs beside the others.
            _container(each, running if each.get("restartPolicy") == "Always" else {"terminated": _ended(now)})
            for each in spec.get("initContainers") or ()
        ],
    }


def _kept(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Keep what others have said of it: the scheduler, load balancers by their readiness gates."""
    return [each for each in (pod.get("status") or {}).get("conditions") or () if each["type"] not in _READY]


def _container(container: Mapping[str, Any], state: Mapping[str, Any], *, ready: bool = True) -> dict[str, Any]:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": container["image"],
        "containerID": f"simulated://{container['name']}",
        "ready": ready,
        "started": "running" in state,
        "restartCount": 0,
        "state": dict(state),
    }


def _ended(now: str) -> dict[str, Any]:
    return {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
