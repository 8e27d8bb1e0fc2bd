"""What a check is, and what it has to judge by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from release.baseline import Baseline, Fingerprint, Samples
from release.gate.verdict import Verdict
from release.waves import GateSettings


@dataclass(frozen=True)
class Workload:
    """A Deployment of the region.

    Attributes:
        name: Its name.
        wanted: Pods that it shall have.
        ready: Pods of the newest template that are ready.
        current: Whether its controller has seen the newest template.
    """

    name: str
    wanted: int
    ready: int
    current: bool


@dataclass(frozen=True)
class PodTrouble:
    """A container that can't run, or doesn't go on running.

    Attributes:
        pod: Its pod.
        reason: In Kubernetes' words.
        message: What was said with it.
        image: Its image, as the pod asks for it.
        conclusive: Waiting longer would tell nothing more. False where registries and nodes have hiccups like it.
    """

    pod: str
    reason: str
    message: str = ""
    image: str = ""
    conclusive: bool = False

    def __str__(self) -> str:
        return f"pod {self.pod}: {self.reason}: {self.message}".rstrip(": ")


@dataclass(frozen=True)
class ClusterState:
    """What the region's Kubernetes says.

    Attributes:
        workloads: Deployments of the region's namespace.
        restarts: Restarts so far, by container (`pod/container`).
        ends: How a container that has restarted ended last, by container likewise.
        troubles: Containers that can't run.
        lost_gpus: GPUs that a node has and doesn't offer, by node: its device plugin calls them unhealthy.
        gpus: GPUs in all.
    """

    workloads: tuple[Workload, ...]
    restarts: Mapping[str, int] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)
    troubles: tuple[PodTrouble, ...] = ()
    lost_gpus: Mapping[str, int] = field(default_factory=dict)
    gpus: int = 0

    @property
    def ills(self) -> tuple[str, ...]:
        """What is wrong, a sentence each."""
        return (
            *(
                f"{one.name} has {one.ready} of {one.wanted} pods ready"
                for one in self.workloads
                if one.ready < one.wanted or not one.current
            ),
            *(f"pod {one.pod} can't run: {one.reason} {one.message}".rstrip() for one in self.troubles),
            *(f"node {node} doesn't offer {number} of its GPUs" for node, number in sorted(self.lost_gpus.items())),
        )


@dataclass(frozen=True)
class Subject:
    """A region after an update, beside what it was before.

    Attributes:
        settings: How strict to be.
        before: The region before this rollout.
        samples: How it answers now, by observer.
        fingerprint: The model's answers to the pinned texts now; None where it gave none.
        last_good: Those of the last good record; None: those of `before` count.
        cluster: What its Kubernetes says.
        note: Why something of this is missing.
    """

    settings: GateSettings
    before: Baseline
    samples: Mapping[str, Samples]
    fingerprint: Fingerprint | None
    last_good: Fingerprint | None
    cluster: ClusterState
    note: str = ""


class Check(Protocol):
    """One question to a region."""

    @property
    def name(self) -> str:
        """Its name, as verdicts and records have it."""
        ...

    def judge(self, subject: Subject) -> Verdict:
        """Answer it."""
        ...
