"""``runtime.options`` of Pulumi.yaml: which Python runs the program, and what installs its packages."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from google.protobuf.json_format import MessageToDict

from toolchain.language_host.messages import language_pb2

_Choice = TypeVar("_Choice", bound=StrEnum)


class OptionError(Exception):
    """A runtime option has a value that it can't have."""


class Toolchain(StrEnum):
    """What installs the program's packages."""

    AUTO = "auto"
    PIP = "pip"
    UV = "uv"
    POETRY = "poetry"


class Typechecker(StrEnum):
    """What checks the program's types before it runs."""

    MYPY = "mypy"
    PYRIGHT = "pyright"


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """The options of one project.

    Attributes:
        root: the folder with Pulumi.yaml.
        program: the folder with the program.
        toolchain: what installs packages; AUTO means that the lock file beside the program decides.
        virtualenv: the environment's folder as written, relative to ``root``; None for the Python on PATH.
        typechecker: run before the program, or None.
    """

    root: Path
    program: Path
    toolchain: Toolchain = Toolchain.AUTO
    virtualenv: str | None = None
    typechecker: Typechecker | None = None


def parse_options(info: language_pb2.ProgramInfo, *, is_plugin: bool = False) -> RuntimeOptions:
    """Read the options of a project.

    A plugin without a ``virtualenv`` gets one named ``venv``, as the official host does: plugins never run in the
    Python on PATH.

    Raises:
        OptionError: an option has a wrong type, or a value that there isn't.
    """
    raw = MessageToDict(info.options)
    toolchain = _choice(raw, "toolchain", Toolchain) or Toolchain.AUTO
    virtualenv = _text(raw, "virtualenv")
    if is_plugin and not virtualenv and toolchain in {Toolchain.PIP, Toolchain.AUTO}:
        virtualenv = "venv"
    return RuntimeOptions(
        root=Path(info.root_directory),
        program=Path(info.program_directory),
        toolchain=toolchain,
        virtualenv=virtualenv,
        typechecker=_choice(raw, "typechecker", Typechecker),
    )


def _text(raw: Mapping[str, object], key: str) -> str | None:
    value = raw.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise OptionError(f"runtime.options.{key} in Pulumi.yaml must be text, not {value!r}")
    return value


def _choice(raw: Mapping[str, object], key: str, choices: type[_Choice]) -> _Choice | None:
    value = _text(raw, key)
    if value is None:
        return None
    known = [str(choice) for choice in choices if choice != Toolchain.AUTO]
    if value not in known:
        raise OptionError(f"runtime.options.{key} in Pulumi.yaml is {value!r}; it can be {', '.join(known)}")
    return choices(value)
