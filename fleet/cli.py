"""The command line: groups of commands, and how an error is told."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from fleet import console
from fleet.commands import catalog, cluster, config, image, model, rehearse, stack, tenant, tools
from fleet.interrupt import Terminated

app = typer.Typer(
    name="fleet",
    help="Bring up, change and take down regions that serve large models.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_INTERRUPTED = 130
"""Exit status of what SIGINT ended: 128 and the signal's number, as shells count."""

stack.register(app)
rehearse.register(app)
tools.register(app)
app.add_typer(catalog.app, name="catalog")
app.add_typer(cluster.app, name="cluster")
app.add_typer(config.app, name="config")
app.add_typer(image.app, name="image")
app.add_typer(model.app, name="model")
app.add_typer(tenant.app, name="tenant")


def main() -> NoReturn:
    """Run the command line; every foreseen error is one message without a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
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


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise Terminated
