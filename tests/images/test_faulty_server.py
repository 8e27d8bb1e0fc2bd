"""The faults that a drill's images have: that each does what its name says."""

import importlib.util
import signal
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from toolchain.locations import clone_dir


@pytest.fixture(scope="module")
def program() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("faulty_server", clone_dir() / "images/drill/faulty_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = signal.getsignal(signal.SIGTERM)
    try:
        spec.loader.exec_module(module)  # the server's own program answers SIGTERM from its import on
        yield module
    finally:
        signal.signal(signal.SIGTERM, before)


class App:
    """An ASGI application that counts what reaches it."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def asked(app: Any, method: str = "POST", path: str = "/v1/completions") -> int:
    statuses = []

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status"))

    await app({"type": "http", "method": method, "path": path}, None, send)
    return statuses[0]


async def test_a_fifth_of_the_requests_fails(program: ModuleType) -> None:
    inner, draws = App(), iter([each / 100 for each in range(100)])
    app = program.FailingApp(inner, lambda: next(draws))
    statuses = [await asked(app) for _ in range(100)]
    assert statuses.count(500) == 20
    assert inner.reached == 80


async def test_probes_never_fail(program: ModuleType) -> None:
    app = program.FailingApp(App(), lambda: 0.0)
    assert await asked(app, "GET", "/readyz") == 200


async def test_it_dies_under_load_alone(program: ModuleType) -> None:
    died: list[int] = []
    app = program.DyingApp(App(), died.append)
    for _ in range(program.REQUESTS_OF_A_LIFE):
        await asked(app)
        await asked(app, "GET", "/readyz")
    assert died == []
    await asked(app)
    assert died == [139]


def test_a_step_takes_three_times_as_long(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    slow = program.SlowRunner

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(program, "time", SimpleNamespace(perf_counter=lambda: now[0], sleep=pass_time))
    monkeypatch.setattr("service.engine.local_runner.LocalRunner.run", lambda *_: pass_time(0.010))
    runner = slow(None, None, None)
    for gap_s in (5.0, 0.002, 0.002):  # a wait for a request, then the loop's own work
        pass_time(gap_s)
        since = now[0] - (gap_s if gap_s < 1 else 0.0)
        runner.run(None)
        assert now[0] - since == pytest.approx(3 * (0.010 + (gap_s if gap_s < 1 else 0.0)))


def test_wrong_answers_are_always_the_same_wrong_ones(program: ModuleType) -> None:
    right = torch.zeros(2, 400)
    decoder = program.WrongRunner(lambda *_: right.clone(), None, None)._decoder
    first, again = decoder(None, None), decoder(None, None)
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[1])
    assert 0.8 < (first - right).std() < 1.2


def test_every_fault_that_is_released_is_there(program: ModuleType) -> None:
    from fleet.release_drill.scenario import ServerImage  # noqa: PLC0415 - beside what it is compared with

    assert set(program.FAULTS) == {str(kind) for kind in ServerImage} - {"good", "missing"}
    with pytest.raises(SystemExit, match="can't start"):
        program.FAULTS["crash-loop"]()
