"""What is interrupted, killed or damaged: one clear error, and the next run recovers without hand work.

The tests of this file are one story on one stack: each begins where the one before ended.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.local_stack import ROOT, LocalStack
from tests.e2e.test_local_stack import ask, wait_until
from toolchain.cluster import ClusterState, EmbeddedCluster, leftovers

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]


class Running:
    """A `fleet` under way, which can be met in the middle of its work."""

    def __init__(self, stack: LocalStack, *arguments: str) -> None:
        self._log = stack.state / "fleet.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [ROOT / ".venv" / "bin" / "fleet", *arguments],
                cwd=ROOT,
                env={**os.environ, "MODELFLEET_STATE": str(stack.state)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(lambda: condition() or self.process.poll() is not None, timeout_s=180, what=what)
        assert self.process.poll() is None, f"it ended before {what}:\n{self.said}"

    def kill(self) -> None:
        """End it, the engine and the plugins at once, as a lost machine would."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with suppress(ProcessLookupError):  # a short-lived one that ended meanwhile
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def ended(self) -> int:
        return self.process.wait(timeout=180)


def descendants(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text(encoding="ascii").split())
    return children + [below for child in children for below in descendants(child)]


@contextmanager
def running(stack: LocalStack, *arguments: str) -> Generator[Running]:
    made = Running(stack, *arguments)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.kill()


def cluster_of(stack: LocalStack) -> EmbeddedCluster:
    return EmbeddedCluster(stack.name, state_dir=stack.state)


def kill_cluster(stack: LocalStack) -> None:
    """End the first process of the cluster's PID namespace, and with it all of them."""
    plan = str(stack.state / "clusters" / stack.name / "plan.json").encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that ended meanwhile
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if plan in arguments and b"unshare" not in arguments[0]:
                os.kill(int(entry.name), signal.SIGKILL)
    wait_until(lambda: cluster_of(stack).status().state is ClusterState.CRASHED, timeout_s=30, what="the crash")


def assert_one_error(said: str) -> None:
    assert "Traceback" not in said, said
    assert "defect in the plugin" not in said, said
    assert said.count("error: ") == 1, said


def test_an_update_killed_while_the_cluster_starts(tortured_stack: LocalStack) -> None:
    cluster = cluster_of(tortured_stack)
    with running(tortured_stack, "up", tortured_stack.name, "--yes") as up:
        up.until(lambda: cluster.status().state is ClusterState.STARTING, "the cluster's start")
        refused = tortured_stack.fleet("up", tortured_stack.name, "--yes", check=False)
        assert refused.returncode == 1
        assert_one_error(refused.stderr)
        assert f"(process {up.process.pid}) is changing stack" in refused.stderr
        up.kill()


def test_an_update_interrupted_at_its_images(tortured_stack: LocalStack) -> None:
    with running(tortured_stack, "up", tortured_stack.name, "--yes") as up:
        up.until(lambda: "Image server" in up.said, "the images' import")
        assert "the last update" in up.said  # that was killed: its lock, and what it was in the middle of
        os.killpg(up.process.pid, signal.SIGINT)  # what a terminal's Ctrl-C does
        assert up.ended() == 130, up.said
        assert_one_error(up.said)
        assert "run the same command again to go on" in up.said


def test_a_cluster_killed_in_the_middle_of_an_update(tortured_stack: LocalStack) -> None:
    with running(tortured_stack, "up", tortured_stack.name, "--yes") as up:
        up.until(lambda: "Deployment model-server" in up.said, "the Deployment")
        kill_cluster(tortured_stack)
        assert up.ended() == 1
        assert_one_error(up.said)


def test_the_next_run_recovers(tortured_stack: LocalStack) -> None:
    tortured_stack.up()
    assert ask(tortured_stack.client())
    assert tortured_stack.up() == {}


def test_damaged_weights_are_published_anew(tortured_stack: LocalStack) -> None:
    (file,) = (tortured_stack.state / "buckets").rglob("model.safetensors")
    right = file.read_bytes()
    file.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert tortured_stack.up() == {"update": 1}
    assert file.read_bytes() == right


def test_a_crashed_cluster_is_told_and_comes_back_with_its_data(tortured_stack: LocalStack) -> None:
    before = tortured_stack.outputs()["apiKeys"]
    kill_cluster(tortured_stack)
    preview = tortured_stack.fleet("preview", tortured_stack.name, check=False)
    assert preview.returncode == 1
    assert_one_error(preview.stderr)
    assert "is crashed" in preview.stderr
    assert tortured_stack.up() == {}
    assert tortured_stack.outputs()["apiKeys"] == before


def test_a_stack_whose_cluster_is_gone_is_taken_down(tortured_stack: LocalStack) -> None:
    kill_cluster(tortured_stack)
    tortured_stack.fleet("down", tortured_stack.name, "--yes")
    assert leftovers(tortured_stack.name, state=tortured_stack.state) == []
    again = tortured_stack.fleet("down", tortured_stack.name, "--yes")
    assert "nothing to do" in again.stderr
