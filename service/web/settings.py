"""Settings from the environment, and the ``--help`` that is generated from them.

A service's settings are one pydantic model, so that the help, the check and the code can't disagree. A bad
value ends the process before anything else starts, with one line per problem and sysexits' EX_CONFIG (78),
which a supervisor can tell from a crash.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "MODELFLEET_"
EX_CONFIG = 78


class ConfigurationError(Exception):
    """The service can't start as configured; the message is one line that names the setting and the fix."""


class ServiceSettings(BaseSettings):
    """What every service of ours can be told. Environment variables, prefix ``MODELFLEET_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104 - in a pod of its own
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severe log lines that are written"
    )
    max_body_bytes: int = Field(default=4 * 1024 * 1024, gt=0, description="largest request body; larger ones get 413")
    body_timeout_s: float = Field(default=30.0, gt=0, description="seconds within which a request's body has to arrive")
    header_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="seconds within which a request's head has to arrive",
    )
    # CloudFront keeps a connection to a server for 120 s at most. Google's fronts keep one for 600 s, fixed, and ask
    # for more than that: cloud.google.com/load-balancing/docs/https#timeout-keepalive-backends.
    keep_alive_s: int = Field(
        default=130,
        gt=0,
        description="seconds that a connection is kept without a request; longer than any client or load balancer "
        "keeps it, because whoever closes first may close on a request that is just being sent: 620 behind Google's "
        "load balancers",
    )
    # With TLS an idle one takes some 270 KB, without any key.
    max_connections: int = Field(
        default=600,
        ge=1,
        description="connections that are open at once; beyond, the one that was idle for longest is closed, or the "
        "new one where none is idle",
    )
    drain_timeout_s: float = Field(
        default=30.0,
        ge=0,
        description="seconds that running requests get to finish after SIGTERM; keep it below the pod's "
        "terminationGracePeriodSeconds",
    )
    drain_linger_s: float = Field(
        default=3.0,
        ge=0,
        description="seconds that the port stays open after SIGTERM even when idle, so that load balancers see "
        "the readiness change first",
    )


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load(settings: type[SettingsT], program: str, argv: Sequence[str]) -> SettingsT:
    """Reads the settings from the environment; answers ``--help``.

    Raises:
        ConfigurationError: a value is missing or wrong.
        SystemExit: ``--help`` was asked for (0), or an unknown argument was given (2).
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=f"Settings are environment variables.\n\n{describe(settings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(argv)
    try:
        return settings()
    except ValidationError as error:
        problems = (
            f"{PREFIX}{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError("; ".join(problems)) from None


def describe(settings: type[ServiceSettings]) -> str:
    """One paragraph per setting: its variable, its default and its meaning."""
    lines: list[str] = []
    for name, field in settings.model_fields.items():
        default = "required" if field.default is PydanticUndefined else f"default: {field.default!r}"
        lines.append(f"  {PREFIX}{name.upper()}  ({default})")
        lines.append(textwrap.fill(field.description or "", 100, initial_indent=" " * 6, subsequent_indent=" " * 6))
    return "\n".join(lines)


def misspelt(settings: type[ServiceSettings], environment: Sequence[str] | None = None) -> list[str]:
    """Variables with our prefix that mean nothing here, each with the closest name that does."""
    known = {f"{PREFIX}{name.upper()}" for name in settings.model_fields}
    given = os.environ if environment is None else environment
    found: list[str] = []
    for variable in sorted(given):
        if variable.startswith(PREFIX) and variable not in known:
            close = difflib.get_close_matches(variable, known, n=1)
            found.append(f"{variable} (did you mean {close[0]}?)" if close else variable)
    return found


def refuse(program: str, error: ConfigurationError) -> int:
    """Writes the one line that says why the service doesn't start.

    Returns:
        The exit code for it.
    """
    sys.stderr.write(f"{program}: {error}\n")
    return EX_CONFIG
