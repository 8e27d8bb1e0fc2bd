"""One question to a cloud by its own command line, answered in JSON."""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from fleet.tunnel.errors import TunnelError

_ANSWER_LIMIT_S = 60.0


def ask(command: Sequence[str], environment: Mapping[str, str]) -> Any:
    """Run a command and read its answer.

    Raises:
        TunnelError: it can't be run, or failed; what it said is part of the message.
    """
    try:
        done = subprocess.run(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TunnelError(f"`{shlex.join(command)}` gave no answer within {_ANSWER_LIMIT_S:.0f} s") from error
    except OSError as error:
        raise TunnelError(f"`{command[0]}` can't be started: {error}") from error
    if done.returncode != 0:
        raise TunnelError(f"`{shlex.join(command)}` failed:\n{(done.stderr or done.stdout).strip()}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise TunnelError(f"`{shlex.join(command)}` gave an answer that is no JSON: {done.stdout[:200]!r}") from error
