"""Checks of what the region's Kubernetes says: pods ready, none crashing, no GPU lost."""

from typing import Final

from release.gate.check import Subject
from release.gate.verdict import Result, Verdict

CRASHES: Final = 2
"""Restarts of one container since the update that condemn: the first may be a node's doing."""


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
        fresh = {
            pod: restarts - subject.before.restarts.get(pod, 0) for pod, restarts in subject.cluster.restarts.items()
        }
        troubles = {trouble.pod: f"{trouble.reason} {trouble.message}".strip() for trouble in subject.cluster.troubles}
        crashing = {pod: f"{number} restarts" for pod, number in fresh.items() if number >= CRASHES}
        found = {**crashing, **troubles}
        if found:
            told = "; ".join(f"{pod}: {what}" for pod, what in sorted(found.items()))
            return Verdict(check=self.name, result=Result.FAILED, reason=told, evidence=found)
        return Verdict(
            check=self.name,
            result=Result.PASSED,
            reason="no container restarts again and again",
            evidence={"restarts": sum(fresh.values())},
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
