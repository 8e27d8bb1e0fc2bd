"""The whole path, in order: up, served, unchanged, killed, released to by hand and by workflows, down, nothing left.

The tests of this file are one story: each begins where the one before ended.
"""

import json
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import openai
import pytest

from fleet.release_cluster import RegionCluster
from release.prometheus import Prometheus
from tests.e2e.dispatch import Dispatcher
from tests.e2e.local_stack import LocalStack
from toolchain import images
from toolchain.cluster import EmbeddedCluster, leftovers
from toolchain.images.derived_image import Change, derive
from toolchain.kubernetes_provider.kubeconfig import load

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

WITH_ACT = pytest.mark.timeout(1500)
"""Four jobs or so, each with a copy of the repository, and `fleet up` in some: long on a busy machine."""

PROMPT = "def fibonacci(n):"
CLIENTS = 16
MISSING = f"sha256:{'9' * 64}"
FINISHES = "Deploy/Take an interrupted rollout to its end"
PROPOSES = "Deploy/Stack files say what was released"


def ask(client: openai.OpenAI, prompt: str = PROMPT, max_tokens: int = 8) -> str:
    answer = client.completions.create(model="demo-coder", prompt=prompt, max_tokens=max_tokens, temperature=0)
    return answer.choices[0].text


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {timeout_s} s")
        threading.Event().wait(0.2)


@pytest.mark.timeout(1500)
def test_up_makes_everything(local_stack: LocalStack) -> None:
    changes = local_stack.up()
    assert set(changes) == {"create"}
    pods = json.loads(local_stack.kubectl("get", "pods", "-o", "json"))["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}


def test_a_completion_comes_back(local_stack: LocalStack) -> None:
    answer = local_stack.client().completions.create(model="demo-coder", prompt=PROMPT, max_tokens=32, temperature=0)
    assert answer.choices[0].text.strip()
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 32


def test_a_stream_gives_the_same_text(local_stack: LocalStack) -> None:
    client = local_stack.client()
    stream = client.completions.create(model="demo-coder", prompt=PROMPT, max_tokens=32, temperature=0, stream=True)
    pieces = [chunk.choices[0].text for chunk in stream if chunk.choices]
    assert len(pieces) > 1
    assert "".join(pieces) == ask(client, max_tokens=32)


def test_chat_is_answered(local_stack: LocalStack) -> None:
    answer = local_stack.client().chat.completions.create(
        model="demo-coder", messages=[{"role": "user", "content": PROMPT}], max_tokens=8
    )
    assert answer.choices[0].finish_reason in {"stop", "length"}


def test_a_wrong_key_is_refused(local_stack: LocalStack) -> None:
    with pytest.raises(openai.AuthenticationError):
        ask(local_stack.client(key="mf-wrong"))


def test_an_oversized_body_is_refused(local_stack: LocalStack) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(local_stack.client(), prompt="x" * (1 << 20))
    assert caught.value.status_code == 413


def test_the_command_completes_too(local_stack: LocalStack) -> None:
    done = local_stack.fleet("complete", "--stack", local_stack.name, "--show-access", PROMPT)
    assert "https://" in done.stdout
    assert PROMPT in done.stdout


def test_secrets_are_not_in_plain_text(local_stack: LocalStack) -> None:
    key = local_stack.outputs()["apiKeys"]["demo"]
    for file in (local_stack.state / "pulumi").rglob("*"):
        if file.is_file():
            assert key.encode() not in file.read_bytes(), f"{file} holds an API key in plain text"
    assert key not in local_stack.kubectl("get", "secrets", "-o", "yaml")


def test_a_second_up_changes_nothing(local_stack: LocalStack) -> None:
    assert local_stack.up() == {}


def test_a_preview_and_a_refresh_find_nothing(local_stack: LocalStack) -> None:
    done = local_stack.fleet("preview", local_stack.name, "--json")
    assert json.loads(done.stdout)["changes"] == []
    local_stack.fleet("refresh", local_stack.name)
    assert local_stack.up() == {}


def test_a_killed_server_comes_back_and_gives_no_wrong_answer(local_stack: LocalStack) -> None:
    expected = ask(local_stack.client())
    with Answers(local_stack, expected, workers=4) as answers:
        wait_until(lambda: answers.right >= 8, timeout_s=60, what="load")
        local_stack.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=model-server", "--grace-period=0", "--force")
        before = answers.right
        wait_until(lambda: answers.right >= before + 8, timeout_s=120, what="recovery")
    assert answers.wrong == []


def test_a_release_rolls_out_without_a_failed_request_though_its_driver_is_lost(
    local_stack: LocalStack, tmp_path: Path
) -> None:
    """Its driver is killed before it updates the stack; a person does that, under load; whoever resumes judges it."""
    reference = another_build(local_stack, tmp_path, "released by hand")
    before = {pod["metadata"]["name"] for pod in server_pods(local_stack)}
    waves = tmp_path / "waves.yaml"
    waves.write_text(plan_for(local_stack), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELFLEET_RELEASE_DIES_AT", "configure:done")
        arguments = (f"server={reference}", "--waves", str(waves), "--yes")
        killed = local_stack.fleet("release", "deploy", *arguments, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with Answers(local_stack, ask(local_stack.client()), workers=CLIENTS) as answers:
        assert local_stack.up().get("update") == 1
        wait_until(lambda: answers.right >= 200, timeout_s=300, what="200 answers")
    assert answers.failed == []
    assert answers.wrong == []
    fresh = [pod for pod in server_pods(local_stack) if pod["metadata"]["name"] not in before]
    assert {pod["spec"]["containers"][0]["image"] for pod in fresh} == {reference}
    resumed = json.loads(local_stack.fleet("release", "deploy", "--resume", "--json").stdout)
    assert resumed["end"]["outcome"] == "released"
    (record,) = history(local_stack)
    assert (record["outcome"], record["artefacts"]["server"]) == ("released", reference)
    assert record["deployed"]["images"]["server"] == reference


def test_the_gate_can_ask_prometheus(local_stack: LocalStack) -> None:
    outputs = local_stack.outputs()
    ask_it = RegionCluster(load(outputs["kubeconfig"])).prometheus(outputs["prometheus"])
    now = datetime.now(UTC)
    seen = Prometheus(ask_it).samples(now - timedelta(minutes=10), now)
    assert seen.requests > 0
    assert min(len(seen.ttft_s), len(seen.token_s), len(seen.tokens_per_s)) > 0


@WITH_ACT
def test_the_deploy_workflow_releases_and_proposes_what_it_did(
    local_stack: LocalStack, dispatcher: Dispatcher, tmp_path: Path
) -> None:
    reference = another_build(local_stack, tmp_path, "released by a workflow")
    done = dispatcher.run("deploy", {"digest": reference.rpartition("@")[2], "reason": "quicker"})
    assert done.ran.status == 0, done.ran.text
    assert done.ran.jobs == {"Deploy/Waves": "success", "Deploy/only": "success", PROPOSES: "success"}
    (record, *_) = history(local_stack)
    assert (record["outcome"], record["artefacts"]["server"]) == ("released", reference)
    assert (record["who"], record["reason"]) == ("tester", "quicker")
    assert reference in done.proposal
    assert done.issues == []


@WITH_ACT
def test_the_deploy_workflow_takes_an_image_that_does_not_exist_back_though_its_runner_is_lost(
    local_stack: LocalStack, dispatcher: Dispatcher
) -> None:
    (good, *_) = history(local_stack)
    expected = ask(local_stack.client())
    lost = {"LOST_JOB": "wave", "LOST_AT": "revert:announced"}
    done = dispatcher.run("deploy", {"digest": MISSING, "reason": "no such image"}, lost)
    assert done.ran.status != 0
    # The wave's driver was killed on the way back; the job after it goes on, and fails as the release has.
    assert done.ran.jobs["Deploy/only"] == done.ran.jobs[FINISHES] == "failure", done.ran.text
    (record, *_) = history(local_stack)
    assert (record["outcome"], record["artefacts"]) == ("rolled back", good["artefacts"])
    assert record["attempted"]["server"].endswith(MISSING)
    assert "ErrImagePull" in record["reason"] or "ImagePullBackOff" in record["reason"]
    (issue,) = done.issues
    assert "was taken back" in issue["title"]
    assert record["reason"] in issue["body"]
    assert ask(local_stack.client()) == expected


@WITH_ACT
def test_the_rollback_workflow_goes_back_to_the_release_before(local_stack: LocalStack, dispatcher: Dispatcher) -> None:
    (_, left, before) = history(local_stack)
    done = dispatcher.run("rollback", {"stack": local_stack.name, "reason": "a customer's word"})
    assert done.ran.status == 0, done.ran.text
    assert set(done.ran.jobs.values()) == {"success"}
    (record, *_) = history(local_stack)
    assert (record["outcome"], record["artefacts"]) == ("rolled back", before["artefacts"])
    assert record["attempted"] == left["artefacts"]
    assert before["artefacts"]["server"] in done.proposal
    assert local_stack.up() == {}  # the file says what runs


def test_down_leaves_nothing(local_stack: LocalStack) -> None:
    local_stack.fleet("down", local_stack.name, "--yes")
    assert leftovers(local_stack.name, state=local_stack.state) == []
    assert not (local_stack.state / "clusters" / local_stack.name).exists()


def plan_for(stack: LocalStack) -> str:
    """One wave, judged with much patience: a test's machine is shared."""
    gate = {"probeRequests": 40, "latencyRatio": 10, "throughputRatio": 0.05}
    return json.dumps({"waves": [{"name": "only", "stacks": [stack.name], "bakeS": 0}], "gate": gate})


@pytest.fixture(scope="module", name="dispatcher")
def _dispatcher(local_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Dispatcher:
    return Dispatcher.make(tmp_path_factory.mktemp("workflows"), local_stack, plan_for(local_stack))


def history(stack: LocalStack) -> list[dict[str, Any]]:
    return json.loads(stack.fleet("release", "history", stack.name, "--json").stdout)


def server_pods(stack: LocalStack) -> list[dict[str, Any]]:
    listed = stack.kubectl("get", "pods", "-l", "app.kubernetes.io/name=model-server", "-o", "json")
    return json.loads(listed)["items"]


def another_build(stack: LocalStack, folder: Path, label: str) -> str:
    """Give the cluster the same layers under another configuration: what a rebuild with one changed line gives."""
    change = Change({"dev.modelfleet.test": label})
    made = derive(images.build("server"), change, name="server", archive=folder / "another.tar")
    EmbeddedCluster(stack.name, state_dir=stack.state).import_image(made.archive, made.reference)
    return made.reference


class Answers:
    """Clients that ask the same again and again, and what they got."""

    def __init__(self, stack: LocalStack, expected: str, *, workers: int) -> None:
        self.right = 0
        self.wrong: list[str] = []
        self.failed: list[str] = []
        self._client = stack.client()
        self._expected = expected
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers)

    def __enter__(self) -> Self:
        for _ in range(self._workers):
            self._pool.submit(self._work)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                text = ask(self._client)
            except openai.OpenAIError as error:
                with self._lock:
                    self.failed.append(repr(error))
                self._stop.wait(0.2)  # a client that was refused waits a moment
            else:
                with self._lock:
                    if text == self._expected:
                        self.right += 1
                    else:
                        self.wrong.append(text)
