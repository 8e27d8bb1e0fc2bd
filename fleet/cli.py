"""Where `fleet` starts: how an error, a Ctrl-C, a SIGTERM or a closed terminal is told.

Nothing heavy is imported here: a Ctrl-C is answered from the first moment on.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

from fleet.interrupt import Terminated

_INTERRUPTED = 130
"""Exit status of what SIGINT ended: 128 and the signal's number, as shells count."""


def main() -> NoReturn:
    """Run the command line; every foreseen error is one message without a traceback."""
    # What is ignored stays so: `nohup` wants to outlive its terminal.
    ends = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    for each in (signal.SIGINT, *ends):
        signal.signal(each, _not_begun)
    from fleet import console  # noqa: PLC0415 - after the handlers: these imports take a moment
    from fleet.app import app  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in ends:
        signal.signal(each, _terminate)
    try:
        app()
    except SystemExit as end:  # typer turns a Ctrl-C into this
        if end.code == _INTERRUPTED:
            console.error("interrupted; run the same command again to go on")
        raise
    except Exception as error:
        message = console.foreseen(error)
        if message is None:
            raise
        console.error(message)
        sys.exit(1)
    sys.exit(0)


def _not_begun(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    sys.stderr.write("error: interrupted before anything was done\n")
    sys.exit(128 + number)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise Terminated
