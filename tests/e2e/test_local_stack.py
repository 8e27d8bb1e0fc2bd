"""The whole path, in order: up, served, unchanged, killed, rolled over, released to, down, nothing left.

The tests of this file are one story: each begins where the one before ended.
"""

import json
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import openai
import pytest

from fleet.commands.release import ROLLED_BACK_STATUS
from tests.e2e.local_stack import LocalStack
from toolchain import images
from toolchain.cluster import EmbeddedCluster, leftovers
from toolchain.images.derived_image import Change, DerivedImage, derive

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

PROMPT = "def fibonacci(n):"


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


def test_a_new_image_rolls_out_without_a_failed_request(local_stack: LocalStack, tmp_path: Path) -> None:
    another = another_build(tmp_path, "another build")
    EmbeddedCluster(local_stack.name, state_dir=local_stack.state).import_image(another.archive, another.reference)
    before = json.loads(local_stack.kubectl("get", "pods", "-l", "app.kubernetes.io/name=model-server", "-o", "json"))
    local_stack.write(serving={"image": another.reference})
    with Answers(local_stack, ask(local_stack.client()), workers=16) as answers:
        assert local_stack.up().get("update") == 1
        wait_until(lambda: answers.right >= 200, timeout_s=300, what="200 answers")
    assert answers.failed == []
    assert answers.wrong == []
    after = json.loads(local_stack.kubectl("get", "pods", "-l", "app.kubernetes.io/name=model-server", "-o", "json"))
    old = {pod["metadata"]["name"] for pod in before["items"]}
    assert all(
        pod["spec"]["containers"][0]["image"] == another.reference
        for pod in after["items"]
        if pod["metadata"]["name"] not in old
    )


def test_a_release_whose_driver_is_lost_is_judged_and_recorded(local_stack: LocalStack, tmp_path: Path) -> None:
    release = another_build(tmp_path, "a release")
    EmbeddedCluster(local_stack.name, state_dir=local_stack.state).import_image(release.archive, release.reference)
    assert released(local_stack, tmp_path, release.reference, dies_at="update:done")["outcome"] == "released"
    (record, *_) = history(local_stack)
    assert (record["outcome"], record["artefacts"]["server"]) == ("released", release.reference)
    assert record["deployed"]["images"]["server"] == release.reference


def test_an_image_that_does_not_exist_is_taken_back_by_whoever_resumes(local_stack: LocalStack, tmp_path: Path) -> None:
    (good, *_) = history(local_stack)
    expected = ask(local_stack.client())
    missing = f"modelfleet.local/server@sha256:{'9' * 64}"
    end = released(local_stack, tmp_path, missing, status=ROLLED_BACK_STATUS, dies_at="revert:announced")
    assert end["outcome"] == "rolled back"
    assert "ErrImagePull" in end["reason"] or "ImagePullBackOff" in end["reason"]
    (record, *_) = history(local_stack)
    assert (record["artefacts"], record["attempted"]["server"]) == (good["artefacts"], missing)
    assert ask(local_stack.client()) == expected
    assert local_stack.up() == {}  # the file says what runs


def test_down_leaves_nothing(local_stack: LocalStack) -> None:
    local_stack.fleet("down", local_stack.name, "--yes")
    assert leftovers(local_stack.name, state=local_stack.state) == []
    assert not (local_stack.state / "clusters" / local_stack.name).exists()


def released(stack: LocalStack, folder: Path, reference: str, *, dies_at: str, status: int = 0) -> dict[str, Any]:
    """Release an image to the stack, its driver killed at a point, and resume; judged with much patience."""
    waves = folder / "waves.yaml"
    gate = {"probeRequests": 40, "latencyRatio": 10, "throughputRatio": 0.05}
    plan = {"waves": [{"name": "only", "stacks": [stack.name], "bakeS": 0}], "gate": gate}
    waves.write_text(json.dumps(plan), encoding="utf-8")
    arguments = ("release", "deploy", f"server={reference}", "--waves", str(waves), "--yes", "--json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELFLEET_RELEASE_DIES_AT", dies_at)
        killed = stack.fleet(*arguments, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = stack.fleet("release", "deploy", "--resume", "--json", check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)["end"]


def history(stack: LocalStack) -> list[dict[str, Any]]:
    return json.loads(stack.fleet("release", "history", stack.name, "--json").stdout)


def another_build(folder: Path, label: str) -> DerivedImage:
    """The same layers under another configuration, so another digest: what a rebuild with one changed line gives."""
    change = Change({"dev.modelfleet.test": label})
    return derive(images.build("server"), change, name="server", archive=folder / "another.tar")


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
