"""Where settings come from: a stack file on disk (before the engine runs) or the engine (while it runs)."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from documents import Finding, Lines, SettingsError, YamlDocument, explain
from documents.findings import finding_at
from infra.config.checks import check
from infra.config.neighbour import Neighbour
from infra.config.placement import StackKind
from infra.config.settings import StackSettings
from tenants import Tenant, TenantFolder

NAMESPACE = "modelfleet"
"""Pulumi's project name: the namespace of our keys in a stack file."""

_PREFIX = NAMESPACE + ":"
_TEXT = frozenset(
    field.alias or name
    for name, field in StackSettings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, str)
)
"""Keys whose value is a string: what the engine hands over is it, not JSON (an AWS account id is no number)."""
_OF_TENANT_FILES = {
    "tenants": "tenants have files of their own: tenants/<name>.yaml, whose `stacks` names this stack",
    "budgeted": "tenants have files of their own: tenants/<name>.yaml, `budget`",
}
"""Settings that no stack file can write, and where they come from."""


def from_stack_file(file: Path) -> StackSettings:
    """Read and check a stack file without the engine; encrypted values are refused by the key that holds one.

    Raises:
        SettingsError: the file is missing, is no YAML, or says something wrong; or a tenant's file does.
    """
    try:
        document = YamlDocument.read(file)
    except FileNotFoundError as error:
        raise SettingsError(
            [Finding(file.name, None, "", "no such stack file; " + _known_stacks(file.parent))]
        ) from error
    return _checked(_config(document), _stack_of(file), file, _lines(document))


def from_pulumi(stack: str, project_root: Path) -> StackSettings:
    """Read and check what the engine hands to the program (PULUMI_CONFIG), in the words of the stack file.

    Raises:
        SettingsError: as `from_stack_file`.
    """
    values = {
        key.removeprefix(_PREFIX): value
        for key, value in json.loads(os.environ.get("PULUMI_CONFIG", "{}")).items()
        if key.startswith(_PREFIX)
    }
    ours = {key: value if key in _TEXT else _parsed(value) for key, value in values.items()}
    file = project_root / f"Pulumi.{stack}.yaml"
    try:
        lines = _lines(YamlDocument.read(file))
    except (OSError, SettingsError):
        lines = {}  # values given by `--config` or by the Automation API have no file
    return _checked(ours, stack, file, lines)


def _checked(values: Mapping[str, Any], stack: str, file: Path, lines: Lines) -> StackSettings:
    for key, problem in _OF_TENANT_FILES.items():
        if key in values:
            raise SettingsError([finding_at((key,), problem, file.name, lines, _PREFIX)])
    if isinstance(values.get("front"), dict) and "tenants" in values["front"]:
        problem = "tenants with names of their own have files: tenants/<name>.yaml, `domain`"
        raise SettingsError([finding_at(("front", "tenants"), problem, file.name, lines, _PREFIX)])
    folder = TenantFolder(file.parent)
    tenants: tuple[Tenant, ...] = folder.of_stack(stack)
    try:
        settings = StackSettings.model_validate({**values, "tenants": tenants})
    except ValidationError as error:
        raise explain(error, StackSettings, file=file.name, lines=lines, namespace=_PREFIX) from error
    if settings.front is not None:
        settings = settings.model_copy(update={"front": settings.front.with_names_of(folder.all())})
    if settings.kind is StackKind.ACCOUNT:
        settings = settings.model_copy(update={"budgeted": tuple(_budgeted(settings, folder))})
    findings = [
        finding_at(problem.path, problem.text, file.name, lines, _PREFIX)
        for problem in check(settings, _neighbours(settings, file.parent))
    ]
    if findings:
        raise SettingsError(findings)
    return settings


def _budgeted(settings: StackSettings, folder: TenantFolder) -> Iterator[Tenant]:
    """Give the tenants with a budget that a stack of this account hosts, whatever else that stack's file says."""
    for tenant in folder.all():
        if tenant.budget is not None and any(
            _place(folder.project_root / f"Pulumi.{stack}.yaml") == (settings.cloud, settings.account)
            for stack in tenant.stacks
        ):
            yield tenant


def _place(file: Path) -> tuple[object, object] | None:
    """Give a stack's cloud and account as its file writes them, None where that can't be read."""
    try:
        config = _config(YamlDocument.read(file))
    except (OSError, SettingsError):
        return None
    return config.get("cloud"), config.get("account")


def _neighbours(settings: StackSettings, folder: Path) -> dict[str, Neighbour | None]:
    """Give the other stacks that these settings name, as far as their files can be read: their checks are theirs."""
    named = list(settings.network.peers)
    if settings.front is not None:
        named.extend(stack for front in settings.front.fronts for stack in front.stacks)
    return {stack: _neighbour(folder / f"Pulumi.{stack}.yaml") for stack in named}


def _neighbour(file: Path) -> Neighbour | None:
    try:
        settings = StackSettings.model_validate(_config(YamlDocument.read(file)))
    except (OSError, SettingsError, ValidationError):
        return None
    return Neighbour(settings.cloud, settings.kind, settings.network, settings.ingress)


def _config(document: YamlDocument) -> dict[str, Any]:
    """Give our keys of a stack file, without their namespace."""
    content = document.content
    config = content.get("config") or {} if isinstance(content, dict) else {}
    if not isinstance(config, dict):
        raise SettingsError([Finding(document.file, None, "config", "must hold keys such as modelfleet:cloud")])
    return {str(key).removeprefix(_PREFIX): value for key, value in config.items() if str(key).startswith(_PREFIX)}


def _lines(document: YamlDocument) -> Lines:
    """Give the lines of our keys by the path that settings use for them."""
    return {
        (str(path[1]).removeprefix(_PREFIX), *path[2:]): line
        for path, line in document.lines.items()
        if len(path) > 1 and path[0] == "config" and str(path[1]).startswith(_PREFIX)
    }


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _stack_of(file: Path) -> str:
    return file.name.removeprefix("Pulumi.").removesuffix(".yaml")


def _known_stacks(root: Path) -> str:
    stacks = sorted(_stack_of(file) for file in root.glob("Pulumi.*.yaml"))
    return f"stacks here: {', '.join(stacks)}" if stacks else "no stack file is here"
