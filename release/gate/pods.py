"""Checks of what the region's Kubernetes says: pods ready, none crashing, no GPU lost."""

from collections.abc import Mapping
from typing import Final

from release.gate.check import Subject
from release.gate.verdict import Result, Verdict

CRASHES: Final = 2
"""Restarts of one container since before the update that condemn: the first may be a node's doing."""


def crashing(before: Mapping[str, int], now: Mapping[str, int]) -> Mapping[str, int]:
    """Give the containers that restart again and again, with their restarts since before.

    Counts are judged, not states: between two crashes a container runs, and may even be ready. A kubelet waits before
    it starts one again, 10 s at first, twice as long each time, 5 minutes at most
    (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy); one that crashes every 40 s
    runs most of the time until that has grown.

    Args:
        before: Restarts by container (`pod/container`); one that isn't there has come since.
        now: Likewise, later.
    """
    fresh = {container: number - before.get(container, 0) for container, number in now.items()}
    return {container: number for container, number in fresh.items() if number >= CRASHES}


class Readiness:
    """Every workload has all of its pods, of the newest template, ready."""

    name = "readiness"

    def judge(self, subject: Subject) -> Verdict:
        """Compare wanted with ready."""
        workloads = subject.cluster.workloads
        short = [one for one in workloads if one.ready < one.wanted or not one.current]
        evidence = {f"{one.name} ready": f"{one.ready} of {one.wanted}" for one in workloads}
        if not workloads:
            return Verdict(check=self.name, result=Result.FAILED, reason="the region has no workload at all")
        if short:
            told = ", ".join(f"{one.name} {one.ready} of {one.wanted}" for one in short)
            return Verdict(check=self.name, result=Result.FAILED, reason=f"not ready: {told}", evidence=evidence)
        return Verdict(check=self.name, result=Result.PASSED, reason="all pods are ready", evidence=evidence)


class CrashLoops:
    """No container restarts again and again, and none is kept from running."""

    name = "crash loops"

    def judge(self, subject: Subject) -> Verdict:
        """Count restarts since before, and name what can't run."""
        cluster, before = subject.cluster, subject.before.restarts
        again = {
            container: f"{number} restarts since before the release; {cluster.ends.get(container, '')}".rstrip("; ")
            for container, number in crashing(before, cluster.restarts).items()
        }
        troubles = {trouble.pod: f"{trouble.reason} {trouble.message}".strip() for trouble in cluster.troubles}
        if found := {**again, **troubles}:
            told = "; ".join(f"{who}: {what}" for who, what in sorted(found.items()))
            return Verdict(check=self.name, result=Result.FAILED, reason=told, evidence=found)
        return Verdict(
            check=self.name,
            result=Result.PASSED,
            reason="no container restarts again and again",
            evidence={
                "restarts": sum(number - before.get(container, 0) for container, number in cluster.restarts.items())
            },
        )


class GpuErrors:
    """Every GPU of every node is offered: a device plugin withdraws one that reports an error."""

    name = "GPU errors"

    def judge(self, subject: Subject) -> Verdict:
        """Compare what nodes have with what they offer."""
        gpus, before = subject.cluster.gpus, subject.before.lost_gpus
        lost = {node: number for node, number in subject.cluster.lost_gpus.items() if number > before.get(node, 0)}
        if lost:
            told = ", ".join(f"{node}: {number}" for node, number in sorted(lost.items()))
            return Verdict(
                check=self.name, result=Result.FAILED, reason=f"GPUs that nodes don't offer: {told}", evidence=lost
            )
        if not gpus:
            return Verdict(check=self.name, result=Result.SKIPPED, reason="no node has a GPU")
        return Verdict(check=self.name, result=Result.PASSED, reason="every GPU is offered", evidence={"gpus": gpus})
