"""What a person sees: messages on stderr, results on stdout, and JSON where a program reads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

# Texts hold keys and URNs: rich would read `:cloud:` as a picture of one.
out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


class FleetError(Exception):
    """Something the user can mend; the text says what was wrong and what to do."""


def foreseen(error: BaseException) -> str | None:
    """Give an error's text where it is complete, so that a traceback would only be in the way."""
    from infra.config import SettingsError  # noqa: PLC0415 - only on the way out
    from release.errors import ReleaseError  # noqa: PLC0415
    from tenants import TenantError  # noqa: PLC0415
    from toolchain.errors import ToolchainError  # noqa: PLC0415
    from toolchain.machine_refusal import machine_refusal  # noqa: PLC0415

    if isinstance(error, (FleetError, ReleaseError, SettingsError, TenantError, ToolchainError)):
        return str(error)
    return machine_refusal(error)


def error(message: str) -> None:
    """Show what went wrong."""
    err.print(f"[bold red]error:[/] {_escaped(message)}", soft_wrap=True)


def step(message: str) -> None:
    """Show what begins now."""
    err.print(f"[bold]==>[/] {_escaped(message)}", soft_wrap=True)


def note(message: str) -> None:
    """Show something worth knowing."""
    err.print(_escaped(message), soft_wrap=True)


def json_result(value: Any) -> None:
    """Print a result for a program."""
    print(json.dumps(value, indent=2, default=str))  # noqa: T201 - results belong on stdout


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a result for a person."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")  # a digest or a path that is cut short can't be used
    for row in rows:
        shown.add_row(*(_escaped(str(cell)) for cell in row))
    out.print(shown)


def result(value: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        json_result(list(value))
    else:
        table(columns, [[row[column] for column in columns] for row in value])


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
