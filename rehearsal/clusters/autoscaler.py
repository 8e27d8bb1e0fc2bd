"""Machines for pods that wait for one: which pools grow, and what each rung is refused for.

The rule, for all clouds: pods that the scheduler calls unschedulable are answered one after the other. For each, the
pools of its order are tried: one that such a pod could run on, that isn't at its most machines, and of whose machine
the cloud has one left, grows by a machine. Pods that fit together on a machine that comes share it. What was refused
is told in an event on the pod, rung by rung; the next round tries again. No pool shrinks by itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rehearsal.clusters.pools import NodePool
from rehearsal.clusters.quantity import cpu_milli, memory_mib
from toolchain.cluster.spec import GPU_RESOURCE

_HOSTNAME: Final = "kubernetes.io/hostname"
_HARD: Final = frozenset({"NoSchedule", "NoExecute"})


@dataclass(frozen=True)
class Growth:
    """A machine more for a pool.

    Attributes:
        pool: the pool.
        pods: uids of the pods that it is for.
    """

    pool: NodePool
    pods: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """A pod that gets no machine.

    Attributes:
        pod: the pod.
        reasons: one for each rung that was tried.
    """

    pod: Mapping[str, Any]
    reasons: tuple[str, ...]


@dataclass
class _Coming:
    """A machine that is asked for in this round, and what is left of it."""

    pool: NodePool
    cpu: int = field(init=False)
    memory: int = field(init=False)
    gpus: int = field(init=False)
    pods: list[str] = field(default_factory=list)
    alone: bool = False

    def __post_init__(self) -> None:
        size = self.pool.size
        self.cpu, self.memory, self.gpus = size.allocatable_cpu_milli, size.allocatable_memory_mib, size.gpus

    def takes(self, pod: Mapping[str, Any]) -> bool:
        cpu, memory, gpus = requests(pod)
        return not (self.alone and stays_alone(pod)) and cpu <= self.cpu and memory <= self.memory and gpus <= self.gpus

    def add(self, pod: Mapping[str, Any]) -> None:
        cpu, memory, gpus = requests(pod)
        self.cpu, self.memory, self.gpus = self.cpu - cpu, self.memory - memory, self.gpus - gpus
        self.alone = self.alone or stays_alone(pod)
        self.pods.append(pod["metadata"]["uid"])


def decide(
    pending: Iterable[Mapping[str, Any]],
    order: Callable[[Mapping[str, Any]], Sequence[NodePool]],
    counts: Mapping[str, int],
    out_of: Callable[[NodePool, int], str],
) -> tuple[list[Growth], list[Refused]]:
    """Decide which pools grow.

    Args:
        pending: unschedulable pods.
        order: gives a pod's pools in the order in which they are tried.
        counts: nodes of each pool, by its name.
        out_of: says why the cloud has no machine more for a pool that is to have so many, nothing if it has.
    """
    coming: list[_Coming] = []
    refused: list[Refused] = []
    for pod in pending:
        pools = [pool for pool in order(pod) if pool.scales and may_run_on(pod, pool)]
        shared = next((each for each in coming if each.pool in pools and each.takes(pod)), None)
        if shared is not None:
            shared.add(pod)
            continue
        reasons: list[str] = []
        for pool in pools:
            number = counts.get(pool.name, 0) + sum(each.pool is pool for each in coming)
            machine = _Coming(pool)
            if not machine.takes(pod):
                reasons.append(f"{pool.name}: a {pool.sku} is too small for it")
            elif number >= pool.most:
                reasons.append(f"{pool.name}: has all of its {pool.most} machines")
            elif said := out_of(pool, number + 1):
                reasons.append(f"{pool.name} ({pool.rung}): {said}")
            else:
                machine.add(pod)
                coming.append(machine)
                break
        else:
            refused.append(Refused(pod, tuple(reasons)))
    return [Growth(each.pool, tuple(each.pods)) for each in coming], refused


def is_unschedulable(pod: Mapping[str, Any]) -> bool:
    """Tell whether the scheduler found no node for a pod."""
    if pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
        return False
    return any(
        each["type"] == "PodScheduled" and each["status"] == "False" and each.get("reason") == "Unschedulable"
        for each in (pod.get("status") or {}).get("conditions") or ()
    )


def may_run_on(pod: Mapping[str, Any], pool: NodePool) -> bool:
    """Tell whether a pod's node selector, node affinity and tolerations let it onto a pool's nodes."""
    spec = pod["spec"]
    if any(pool.labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if affinity and not any(_matches(term, pool.labels) for term in affinity["nodeSelectorTerms"]):
        return False
    tolerations = spec.get("tolerations") or ()
    return all(
        any(_tolerates(toleration, taint.key, taint.value, taint.effect) for toleration in tolerations)
        for taint in pool.taints
        if taint.effect in _HARD
    )


def requests(pod: Mapping[str, Any]) -> tuple[int, int, int]:
    """Sum what a pod's containers ask for: thousandths of a CPU, MiB of memory, GPUs."""
    asked = [(each.get("resources") or {}).get("requests") or {} for each in pod["spec"]["containers"]]
    return (
        sum(cpu_milli(each.get("cpu", "0")) for each in asked),
        sum(memory_mib(each.get("memory", "0")) for each in asked),
        sum(int(each.get(GPU_RESOURCE, 0)) for each in asked),
    )


def stays_alone(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod wants no other of its kind on its node."""
    terms = ((pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    return any(term.get("topologyKey") == _HOSTNAME for term in terms or ())


def _matches(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return all(_holds(each, labels) for each in term.get("matchExpressions") or ())


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, wanted = labels.get(requirement["key"]), requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False  # Gt and Lt: nobody here asks for them


def _tolerates(toleration: Mapping[str, Any], key: str, value: str, effect: str) -> bool:
    if toleration.get("effect") not in {None, "", effect}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", key}
    return toleration.get("key") == key and (toleration.get("value") or "") == value
