"""What has to be set before any test imports anything."""

import faulthandler
import os
import signal
from pathlib import Path

# One cluster for every test that wants a running one, wherever it stands.
pytest_plugins = ("tests.toolchain.cluster.fixtures",)

if not Path("/dev/nvidia0").exists():
    # Triton reads this when it is first imported, even by torch: from then on its functions are interpreted, or not.
    os.environ.setdefault("TRITON_INTERPRET", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job inherits it as ignored, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # likewise, under `nohup`

# Tests that run in a workflow work on stacks of their own, on the runner's disk (`fleet/runner_disk.py`).
os.environ.pop("GITHUB_ACTIONS", None)

# Within which the interpreter has to end once all is told; a thread that waits for ever would keep it, and its caller.
_END_S = 60
_STANDARD_ERROR = 2


def pytest_unconfigure() -> None:
    """Ends a run that a test left something behind in, and says what: the stacks of its threads."""
    faulthandler.dump_traceback_later(_END_S, exit=True, file=_STANDARD_ERROR)
