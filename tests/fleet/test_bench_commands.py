"""`fleet bench serve` as a user runs it: another process, a real server, a real Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fleet.app import app
from fleet.console import FleetError
from tests.loadtest.scripted_server import event, head, serving, whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.loadtest.scripted_server import Answer


async def bench(url: str, folder: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from fleet.cli import main; main()", "bench", "serve", url, "--output", str(folder),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


async def test_a_load_is_measured_and_written(tmp_path: Path) -> None:
    async with serving(whole) as url:
        process = await bench(
            url, tmp_path / "out", "--rate", "inf", "--requests", "20", "--output-tokens", "3", "--slo", "ttft=60s",
            "--json",
        )  # fmt: skip
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    printed = json.loads(out)
    assert printed["summary"]["succeeded"] == 20
    assert printed["summary"]["goodput_share"] == 1.0
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert len(written["outcomes"]) == 20
    assert all(outcome["output_tokens"] == 3 and len(outcome["pieces_s"]) == 3 for outcome in written["outcomes"])
    assert (tmp_path / "out" / "plot.png").read_bytes().startswith(b"\x89PNG")


def stalling(stalled: asyncio.Event, after: int) -> Answer:
    """Answers that many prompts, then none; the two of the calibration and the warm-up are beside them."""
    left = after + 3

    async def answer(body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            await whole(body, writer)
            return
        writer.write(head() + event("x"))
        await writer.drain()
        stalled.set()
        await asyncio.Event().wait()

    return answer


async def test_an_interrupted_load_tells_what_it_knows(tmp_path: Path) -> None:
    stalled = asyncio.Event()
    async with serving(stalling(stalled, after=5)) as url:
        process = await bench(url, tmp_path, "--rate", "inf", "--concurrency", "1", "--requests", "9")
        await stalled.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 130, err.decode()
    assert "5 of 5" in out.decode()
    assert "1 requests were given up and 3 never sent" in err.decode()
    assert "Traceback" not in err.decode()
    assert json.loads((tmp_path / "result.json").read_text())["interrupted"] is True


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["http://127.0.0.1:9/v1"], "no answer from http://127.0.0.1:9/v1/models"),
        (["nowhere"], "no address of a server"),
        (["http://h", "--rate", "0"], "above 0"),
        (["http://h", "--api", "assistants"], "completions, chat"),
        (["http://h", "--prompt-tokens", "some"], "lognormal"),
        (["http://h", "--slo", "fast"], "ttft=500ms"),
        (["http://h", "--api-key-env", "MODELFLEET_TEST_NO_SUCH_KEY"], "MODELFLEET_TEST_NO_SUCH_KEY"),
    ],
)
def test_what_can_not_be_measured_is_told(options: list[str], says: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "serve", *options, "--output", str(tmp_path)])
    assert isinstance(done.exception, FleetError)
    assert says in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bench", "engine", ".", "--workload", "W9"], "W1, W2, W3"),
        (["bench", "engine", ".", "--linear-mode", "int3"], "int8"),
        (["profile", "process", "4194304"], "no process 4194304"),
    ],
)
def test_what_can_not_be_run_is_told(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path)])
    assert isinstance(done.exception, FleetError)
    assert says in str(done.exception)
