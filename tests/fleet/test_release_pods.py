"""What pods' objects say: those that can't run, and those that run most of the time and crash again and again."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from fleet.release_pods import CRASHES, crashes, ends, restarts, troubles
from release.baseline import Baseline
from release.gate.gate import judge
from release.gate.verdict import failures
from release.pod_watch import LOOK_EVERY_S, TROUBLE_LIMIT_S, PodWatch
from tests.release.gate.observed import HEALTHY, subject

IMAGE: Final = "r/server@sha256:12"
RUNNING: Final = {"running": {"startedAt": "2026-11-22T05:00:00Z"}}


def pod(state: Mapping[str, Any], *, restarted: int = 0, exit_code: int = 1, **metadata: Any) -> dict[str, Any]:
    """A pod of one container as the API server gives it."""
    end = {"exitCode": exit_code, "reason": "Error", "startedAt": "2026-11-22T04:59:20Z"}
    status = {
        "name": "server",
        "ready": "running" in state,
        "restartCount": restarted,
        "image": IMAGE,
        "state": state,
        "lastState": {"terminated": end} if restarted else {},
    }
    return {
        "metadata": {"name": "server-1", **metadata},
        "spec": {"containers": [{"name": "server", "image": IMAGE}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def waiting(reason: str, message: str = "", *, restarted: int = 0) -> dict[str, Any]:
    return pod({"waiting": {"reason": reason, "message": message}}, restarted=restarted)


@dataclass(frozen=True)
class Moment:
    """A pod at a time, in seconds after its container was started first."""

    at_s: float
    pod: Mapping[str, Any]


def crashing_every(period_s: float, *, for_s: float) -> Iterator[Moment]:
    """A container that runs for a while and crashes; the kubelet restarts it after 0 s, 10 s, 20 s, 40 s ..."""
    running_since_s, restarted, back_off_s = 0.0, 0, 0.0
    for look in range(int(for_s / LOOK_EVERY_S)):
        at_s = look * LOOK_EVERY_S
        while at_s >= running_since_s + period_s + back_off_s:
            running_since_s += period_s + back_off_s
            restarted += 1
            back_off_s = min(2 * back_off_s, 300.0) or 10.0
        if at_s < running_since_s + period_s:
            yield Moment(at_s, pod(RUNNING, restarted=restarted))
        else:
            yield Moment(at_s, waiting("CrashLoopBackOff", "back-off restarting container", restarted=restarted))


def test_a_container_that_waits_for_what_won_t_come() -> None:
    (trouble,) = troubles(waiting("ImagePullBackOff", "no such image " + "x" * 400))
    assert (trouble.pod, trouble.reason, trouble.image) == ("server-1", "ImagePullBackOff", IMAGE)
    assert len(trouble.message) == 300
    assert not trouble.conclusive, "registries have hiccups"


def test_a_container_that_only_starts_is_in_no_trouble() -> None:
    assert list(troubles(waiting("ContainerCreating"))) == []
    assert list(troubles(pod(RUNNING))) == []
    assert list(troubles({"metadata": {"name": "pending"}})) == []
    assert restarts({"metadata": {"name": "pending"}}) == {}


def test_a_bad_pod_on_its_way_out_says_nothing() -> None:
    """It is there for its grace period yet when the release that was gone back to is judged."""
    leaving = pod(RUNNING, restarted=7, deletionTimestamp="2026-11-21T22:00:00Z")
    assert restarts(leaving) == {}
    assert list(crashes(leaving, {})) == []
    waits = waiting("ImagePullBackOff")
    waits["metadata"]["deletionTimestamp"] = "2026-11-21T22:00:00Z"
    assert list(troubles(waits)) == []


def test_each_container_is_counted_by_itself_init_containers_too() -> None:
    """A node that starts again restarts all of a pod's containers once: that is no crash loop."""
    both = pod(RUNNING, restarted=1)
    sidecar = {**both["status"]["containerStatuses"][0], "name": "sidecar"}
    both["status"]["initContainerStatuses"] = [sidecar]
    assert restarts(both) == {"server-1/server": 1, "server-1/sidecar": 1}
    assert list(crashes(both, {})) == []


def test_how_it_ended_is_told() -> None:
    killed = pod(RUNNING, restarted=2, exit_code=137)
    killed["status"]["containerStatuses"][0]["lastState"]["terminated"]["reason"] = "OOMKilled"
    (trouble,) = crashes(killed, {})
    assert str(trouble) == (
        "pod server-1: Crashes: server restarted 2 times since before the update; "
        "ended last with exit code 137 (OOMKilled)"
    )
    assert trouble.image == IMAGE


def test_restarts_from_before_are_not_the_updates() -> None:
    """A pod of the release that is gone back to may have stayed, with what it has been through."""
    assert list(crashes(pod(RUNNING, restarted=9), {"server-1/server": 8})) == []
    assert [one.reason for one in crashes(pod(RUNNING, restarted=10), {"server-1/server": 8})] == [CRASHES]


@pytest.mark.parametrize("period_s", [4, 12, 40, 90])
def test_an_update_is_given_up_at_the_second_restart_however_long_it_runs_between(period_s: float) -> None:
    watch, seen = PodWatch(), 0
    for moment in crashing_every(period_s, for_s=1200):
        seen = max(seen, *restarts(moment.pod).values())
        if watch.look([*troubles(moment.pod), *crashes(moment.pod, {})]) is not None:
            break
    else:
        pytest.fail("the update went on for 20 minutes")
    # The first restart is at once, the second after 10 s.
    assert seen <= 2
    assert moment.at_s <= 2 * period_s + 10 + 2 * LOOK_EVERY_S


def test_a_look_at_states_alone_would_take_much_longer() -> None:
    """What the counts are for: between crashes the pod runs, and nothing is wrong with its state."""
    watch = PodWatch()
    first = next(one for one in crashing_every(40, for_s=1200) if watch.look(list(troubles(one.pod))) is not None)
    assert first.at_s >= 3 * 40 + 10 + TROUBLE_LIMIT_S - LOOK_EVERY_S


def test_a_hiccup_is_waited_for() -> None:
    watch, (hiccup,) = PodWatch(), troubles(waiting("ErrImagePull"))
    looks = int(TROUBLE_LIMIT_S / LOOK_EVERY_S)
    assert [watch.look([hiccup]) for _ in range(looks - 1)] == [None] * (looks - 1)
    assert watch.look([]) is None  # it has come
    assert [watch.look([hiccup]) for _ in range(looks)] == [*[None] * (looks - 1), hiccup]


def test_the_gate_judges_counts_while_the_pod_runs() -> None:
    """Its look falls between two crashes: all is ready, and the release is refused all the same."""
    found = [one.pod for one in crashing_every(40, for_s=400) if restarts(one.pod)["server-1/server"] == 2]
    running = next(one for one in found if not list(troubles(one)))
    healthy = subject(random.Random(1))
    cluster = replace(HEALTHY, restarts=restarts(running), ends=ends(running))
    (verdict,) = failures(judge(replace(healthy, cluster=cluster)))
    assert verdict.check == "crash loops"
    assert verdict.reason == (
        "server-1/server: 2 restarts since before the release; ended last with exit code 1 (Error)"
    )
    before = Baseline(samples=healthy.before.samples, fingerprint=healthy.before.fingerprint, restarts=cluster.restarts)
    assert failures(judge(replace(healthy, cluster=cluster, before=before))) == ()
