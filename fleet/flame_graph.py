"""Flame graphs of Python processes, by py-spy: it reads a process's memory from outside, and changes nothing in it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.console import FleetError

if TYPE_CHECKING:
    from collections.abc import Generator

# prctl(2): who but an ancestor may read this process, where the kernel's Yama module restricts it.
_PR_SET_PTRACER = 0x59616D61
_RATE = 200
_WRITE_LIMIT_S = 60.0


def record(process: int, file: Path, *, duration_s: int, native: bool) -> None:
    """Sample a process for a while.

    Args:
        process: its id.
        file: an SVG.
        duration_s: how long.
        native: also show compiled code's functions.

    Raises:
        FleetError: it can't be sampled; says why.
    """
    arguments = [*_arguments(process, file, native=native), "--duration", str(duration_s)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _refused(process, done.stderr)


@contextlib.contextmanager
def recording_this_process(file: Path, *, native: bool) -> Generator[None]:
    """Sample this process meanwhile.

    Args:
        file: an SVG.
        native: also show compiled code's functions.

    Raises:
        FleetError: it can't be sampled; says why.
    """
    spy = subprocess.Popen(
        [*_arguments(os.getpid(), file, native=native), "--duration", "unlimited"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(spy.pid), 0, 0, 0)
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)  # it writes what it has, and ends
        try:
            _, said = spy.communicate(timeout=_WRITE_LIMIT_S)
        except subprocess.TimeoutExpired:
            spy.kill()
            _, said = spy.communicate()
    if spy.returncode:  # the file alone proves nothing: it may be an earlier one
        raise _refused(os.getpid(), said)


def _arguments(process: int, file: Path, *, native: bool) -> list[str]:
    beside = Path(sys.executable).with_name("py-spy")
    program = str(beside) if beside.is_file() else shutil.which("py-spy")
    if program is None:
        raise FleetError("a flame graph needs py-spy: run `make setup-all`")
    return [
        program, "record", "--pid", str(process), "--output", str(file), "--rate", str(_RATE), "--threads",
        *(["--native"] if native else []),
    ]  # fmt: skip


def _refused(process: int, said: str) -> FleetError:
    lines = said.strip().splitlines()
    why = next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")
    hint = ""
    if "ermission" in said:
        hint = "; run it as root, or as the process's user where the kernel allows that (CAP_SYS_PTRACE in a container)"
    return FleetError(f"process {process} can't be sampled: {why}{hint}")
