"""What a preview used is told by whose process it is, and other programs of the machine don't count."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.stand_ins import Watch

_BUSY = "import sys\nprint(flush=True)\nwhile True: pass"


def busy(mark: str) -> "subprocess.Popen[bytes]":
    """Start a process that works until it is killed, in a session of its own, known by a word of its command."""
    return subprocess.Popen([sys.executable, "-c", _BUSY, mark], stdout=subprocess.PIPE, start_new_session=True)


def test_processes_count_for_whose_they_are_and_only_those_of_the_session() -> None:
    with busy("pulumi-language-python-exec") as ours, busy("from rehearsal.aws") as stranger:
        try:
            assert ours.stdout is not None
            ours.stdout.readline()
            with Watch(ours.pid) as watch:
                while watch.cpu_by_part_s().get("program", 0.0) < 0.1:
                    assert ours.poll() is None
        finally:
            ours.kill()
            stranger.kill()
    assert set(watch.cpu_by_part_s()) == {"program"}
    assert watch.program_bytes > 1e6


def test_a_process_that_has_ended_is_still_whose_it_was() -> None:
    with busy("pulumi-language-python-exec") as ours:
        watch = Watch(ours.pid)
        try:
            assert ours.stdout is not None
            ours.stdout.readline()
            watch.look(Path(f"/proc/{ours.pid}"))
        finally:
            ours.kill()
        os.waitid(os.P_PID, ours.pid, os.WEXITED | os.WNOWAIT)
        watch.look(Path(f"/proc/{ours.pid}"))  # nobody has asked for its status yet
    assert set(watch.cpu_by_part_s()) == {"program"}
