"""What a comparison does with an engine that can't be measured."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.comparison import EngineFailedError, Worker


def _worker(tmp_path: Path, program: str) -> Worker:
    log = tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    return Worker("peer", log, process)


def test_an_engine_that_ends_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    worker = _worker(tmp_path, "raise SystemExit('loading\\nno such instruction')")

    with pytest.raises(EngineFailedError, match=r"^no such instruction") as failed:
        worker.run()

    worker.stop()
    assert str(tmp_path / "log") in str(failed.value)


def test_an_engine_that_answers_is_measured(tmp_path: Path) -> None:
    answer = '{"all_s": 2.0, "first_tokens_s": 0.5, "first_tokens": [7], "peak_rss_mb": 1}'
    worker = _worker(tmp_path, f"input(); print('{answer}')")

    worker.run()

    worker.stop()
    assert worker.rounds[0]["first_tokens"] == [7]
