"""Where settings come from: a stack file on disk (before the engine runs) or the engine (while it runs)."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from infra.config.errors import Finding, Lines, SettingsError, explain
from infra.config.settings import StackSettings

NAMESPACE = "modelfleet"
"""Pulumi's project name: the namespace of our keys in a stack file."""

_STRINGS = ("cloud", "region", "kubeContext", "host", "registry")


def from_stack_file(file: Path) -> StackSettings:
    """Read and check a stack file without the engine; encrypted values are refused by the key that holds one.

    Raises:
        SettingsError: the file is missing, is no YAML, or says something wrong. All findings at once.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SettingsError(
            [Finding(file.name, None, "", "no such stack file; " + _known_stacks(file.parent))]
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Finding(file.name, None, "", "not YAML: it is no UTF-8 text")]) from error
    try:
        document = yaml.safe_load(text)
        lines = _lines_of(yaml.compose(text))
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise SettingsError([Finding(file.name, line, "", f"not YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:  # a character that YAML doesn't allow has no line
        raise SettingsError([Finding(file.name, None, "", f"not YAML: {str(error).splitlines()[0]}")]) from error
    config = (document or {}).get("config") if isinstance(document or {}, dict) else None
    if not isinstance(config or {}, dict):
        raise SettingsError([Finding(file.name, None, "config", "must hold keys such as modelfleet:cloud")])
    ours = {
        key.split(":", 1)[1]: value for key, value in (config or {}).items() if str(key).startswith(NAMESPACE + ":")
    }
    return _checked(ours, file=file.name, lines=lines)


def from_pulumi(stack: str, project_root: Path) -> StackSettings:
    """Read and check what the engine hands to the program (PULUMI_CONFIG), in the words of the stack file.

    Raises:
        SettingsError: as `from_stack_file`.
    """
    values = {
        key.split(":", 1)[1]: value
        for key, value in json.loads(os.environ.get("PULUMI_CONFIG", "{}")).items()
        if key.startswith(NAMESPACE + ":")
    }
    ours = {key: value if key in _STRINGS else _parsed(value) for key, value in values.items()}
    file = project_root / f"Pulumi.{stack}.yaml"
    try:
        lines = _lines_of(yaml.compose(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError):
        lines = {}  # values given by `--config` or by the Automation API have no file
    return _checked(ours, file=file.name, lines=lines)


def _checked(values: Mapping[str, Any], *, file: str, lines: Lines) -> StackSettings:
    try:
        return StackSettings.model_validate(values)
    except ValidationError as error:
        raise explain(error, StackSettings, file=file, lines=lines, namespace=NAMESPACE) from error


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _lines_of(node: yaml.Node | None) -> Lines:
    """Line numbers (from 1) of every key below `config`, by the path that settings use for it."""
    lines: dict[tuple[str | int, ...], int] = {}

    def walk(node: yaml.Node, path: tuple[str | int, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = str(key.value)
                inner = (*path, name.removeprefix(NAMESPACE + ":") if not path else name)
                lines[inner] = key.start_mark.line + 1
                walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[*path, index] = value.start_mark.line + 1
                walk(value, (*path, index))

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "config":
                walk(value, ())
    return lines


def _known_stacks(root: Path) -> str:
    stacks = sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))
    return f"stacks here: {', '.join(stacks)}" if stacks else "no stack file is here"
