"""Starts a program so that an interrupt ends it without a traceback. Runs in the program's own Python (3.9+).

``python launch.py SCRIPT ARGUMENT...`` behaves as ``python SCRIPT ARGUMENT...`` does, with five differences: SIGTERM
ends it like SIGINT, with its `finally` blocks; neither prints a traceback, since whoever pressed Ctrl-C knows why the
program ended; it is ended when the host that started it is killed; cycles are not collected (`gc.enable()` in the
program gives that back); and the SDK's own debug messages stay in the program (``MODELFLEET_SDK_DEBUG=1`` lets them
out).
"""

import gc
import importlib
import os
import runpy
import signal
import sys
import threading
import time
from typing import Any

_INTERRUPTED_EXIT = 130
_PARENT_CHECK_INTERVAL_S = 1.0
_CLEANUP_S = 1.0  # for the program's own `finally` blocks


def main() -> None:
    """Run the script that the first argument names."""
    # A program is short-lived and keeps all that it makes: looking for cycles while an SDK makes its many classes costs
    # it a fifth of its start.
    gc.disable()
    script = sys.argv[1]
    sys.argv = sys.argv[1:]
    # `python SCRIPT` puts the script's folder first; this file's folder must not be importable instead.
    sys.path[0] = os.path.dirname(os.path.abspath(script))  # noqa: PTH100, PTH120 - the standard's own wording
    # Python itself leaves SIGINT alone where a shell's background job inherited it as ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        if not os.environ.get("MODELFLEET_SDK_DEBUG"):
            _keep_debug_messages()
        runpy.run_path(script, run_name="__main__")
    except KeyboardInterrupt:
        # Without the interpreter's own end, where asyncio would still complain about tasks that were cut off.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_INTERRUPTED_EXIT)
    finally:
        # The interpreter looks for cycles among all that is left before it ends: a third of a second with one cloud's
        # SDK, for memory that the kernel takes back anyway.
        gc.freeze()


def _keep_debug_messages() -> None:
    """Send none of the SDK's debug messages to the engine: four a resource, each a call that the program waits for.

    The engine throws them away unless it was started with `--debug`, which no program is told. A program's own pass.
    """
    try:
        log: Any = importlib.import_module("pulumi.log")
    except ImportError:
        return  # a script that has nothing to do with the SDK
    send = log.debug

    def debug(*arguments: object, **options: object) -> None:
        if not sys._getframe(1).f_globals.get("__name__", "").startswith("pulumi."):  # noqa: SLF001 - who asks
            send(*arguments, **options)

    log.debug = debug


def _interrupt(_number: int, _frame: object) -> None:
    # The SDK waits for answers of an engine that gives none any more when it is being cancelled.
    threading.Thread(target=_end_after_grace, daemon=True).start()
    raise KeyboardInterrupt


def _end_after_grace() -> None:
    time.sleep(_CLEANUP_S)
    os._exit(_INTERRUPTED_EXIT)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_INTERVAL_S)
    os._exit(_INTERRUPTED_EXIT)


main()
