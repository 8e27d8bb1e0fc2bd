"""Where tenants come from: the folder of tenant files beside the stack files."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from documents import Finding, SettingsError, YamlDocument, explain
from tenants.tenant import Tenant

TENANTS_FOLDER = "tenants"
"""The folder of tenant files, relative to the repository."""


def load_tenants(project_root: Path) -> tuple[Tenant, ...]:
    """Read and check every tenant file of a repository, by name.

    Raises:
        SettingsError: what is wrong, in all files at once.
    """
    tenants: list[Tenant] = []
    findings: list[Finding] = []
    for file in _files(project_root):
        try:
            tenants.append(load_tenant(file))
        except SettingsError as error:
            findings.extend(error.findings)
    if findings:
        raise SettingsError(findings)
    return tuple(tenants)


def tenants_of(stack: str, project_root: Path) -> tuple[Tenant, ...]:
    """Give the tenants that name `stack`, checked; a suspended one is among them until its file is deleted.

    Raises:
        SettingsError: as `load_tenants`.
    """
    return tuple(tenant for tenant in load_tenants(project_root) if stack in tenant.stacks)


def load_tenant(file: Path) -> Tenant:
    """Read and check one tenant file.

    Raises:
        SettingsError: it says something wrong.
    """
    document = YamlDocument.read(file)
    shown = f"{TENANTS_FOLDER}/{document.file}"
    try:
        tenant = Tenant.model_validate(document.content)
    except ValidationError as error:
        raise explain(error, Tenant, file=shown, lines=document.lines, namespace="") from error
    if tenant.name != file.stem:
        problem = f"{tenant.name!r} is not the file's name: call the file {tenant.name}.yaml, or the tenant {file.stem}"
        raise SettingsError([Finding(shown, document.lines.get(("name",)), "name", problem)])
    return tenant


def _files(project_root: Path) -> Iterator[Path]:
    yield from sorted((project_root / TENANTS_FOLDER).glob("*.yaml"))
