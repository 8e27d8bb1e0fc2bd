"""Runs system commands (``ip``, ``nft``, ``ctr`` …): an argument list, never a shell, and never an unchecked exit."""

import subprocess
from collections.abc import Mapping, Sequence

from toolchain.cluster.errors import CommandError, MachineError

_TIMEOUT_S = 120.0


def run(
    *argv: str, input_text: str | None = None, timeout_s: float = _TIMEOUT_S, env: Mapping[str, str] | None = None
) -> str:
    """Run a command and return its standard output.

    Raises:
        CommandError: it exited with another status than 0, or took longer than ``timeout_s``.
        MachineError: there is no such program.
    """
    try:
        done = subprocess.run(
            argv,
            input=input_text,
            stdin=subprocess.DEVNULL if input_text is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=env,
        )
    except FileNotFoundError:
        raise MachineError(f"the program {argv[0]!r} isn't on PATH: `make tools` installs the packages") from None
    except subprocess.TimeoutExpired:
        raise CommandError(f"`{_spelling(argv)}` did not end within {timeout_s:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing")[-2000:]
        raise CommandError(f"`{_spelling(argv)}` exited with status {done.returncode} and said: {said}")
    return done.stdout


def _spelling(argv: Sequence[str]) -> str:
    return " ".join(argv)
