"""The folder of tenant files beside the stack files: read, added to, changed, one file a tenant."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from documents import Finding, SettingsError, YamlDocument, explain
from documents.yaml_edit import YamlEditError, append_item, remove_key, set_keys
from tenants.tenant import Tenant, TenantState

TENANTS_FOLDER = "tenants"
"""The folder's name, relative to the repository."""


class TenantError(Exception):
    """A change to a tenant that can't be made; the text says why, and what can."""


@dataclass(frozen=True)
class TenantFolder:
    """A repository's tenant files.

    Attributes:
        project_root: The folder that holds Pulumi.yaml.
    """

    project_root: Path

    def file_of(self, name: str) -> Path:
        """Give the path of a tenant's file, whether there is one or not."""
        return self.project_root / TENANTS_FOLDER / f"{name}.yaml"

    def all(self) -> tuple[Tenant, ...]:
        """Read and check every tenant's file, by name.

        Raises:
            SettingsError: what is wrong, in all files at once.
        """
        tenants: list[Tenant] = []
        findings: list[Finding] = []
        for file in self._files():
            try:
                tenants.append(_read(file))
            except SettingsError as error:
                findings.extend(error.findings)
        if findings:
            raise SettingsError(findings)
        return tuple(tenants)

    def of_stack(self, stack: str) -> tuple[Tenant, ...]:
        """Give the tenants whose files name `stack`, in every state: what is suspended is there until it has left.

        Raises:
            SettingsError: as `all`.
        """
        return tuple(tenant for tenant in self.all() if stack in tenant.stacks)

    def hosted_nowhere(self, stacks: Collection[str]) -> list[Finding]:
        """Find the stacks that tenants name and that are none of `stacks`.

        Raises:
            SettingsError: as `all`.
        """
        return [
            Finding(
                f"{TENANTS_FOLDER}/{tenant.name}.yaml",
                YamlDocument.read(self.file_of(tenant.name)).lines.get(("stacks", index)),
                f"stacks[{index}]",
                f"{stack!r} is no stack; stacks here: {', '.join(sorted(stacks))}",
            )
            for tenant in self.all()
            for index, stack in enumerate(tenant.stacks)
            if stack not in stacks
        ]

    def get(self, name: str) -> Tenant:
        """Read and check one tenant's file.

        Raises:
            TenantError: there is none.
            SettingsError: it says something wrong.
        """
        file = self.file_of(name)
        if not file.is_file():
            known = ", ".join(found.stem for found in self._files()) or "none"
            raise TenantError(f"no tenant {name!r}: {TENANTS_FOLDER}/{name}.yaml is not there; tenants here: {known}")
        return _read(file)

    def write(self, name: str, text: str) -> Tenant:
        """Write a tenant's file at once or not at all, if what it would say is right.

        Raises:
            SettingsError: it would say something wrong; the file is as it was.
        """
        file = self.file_of(name)
        tenant = _checked(YamlDocument.parse(text, file.name), file.stem)
        file.parent.mkdir(exist_ok=True)
        beside = file.with_suffix(".yaml.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
        return tenant

    def add_stack(self, name: str, stack: str) -> Tenant:
        """Let one more stack host a tenant.

        Raises:
            TenantError: the stack hosts it already, or the file is written in a way that can't be edited.
            SettingsError: as `get`.
        """
        tenant = self.get(name)
        if stack in tenant.stacks:
            raise TenantError(f"{stack} hosts {name} already")
        return self._edited(name, lambda text: append_item(text, "stacks", stack))

    def suspend(self, name: str, today: date) -> Tenant:
        """Suspend an active tenant from today.

        Raises:
            TenantError: it isn't active, or the file is written in a way that can't be edited.
            SettingsError: as `get`.
        """
        tenant = self.get(name)
        if tenant.state is not TenantState.ACTIVE:
            raise TenantError(f"{name} is {tenant.state} since {tenant.suspended_since}")
        values = {"state": TenantState.SUSPENDED.value, "suspendedSince": today.isoformat()}
        return self._edited(name, lambda text: set_keys(text, values))

    def resume(self, name: str) -> Tenant:
        """Take a suspension back.

        Raises:
            TenantError: it isn't suspended; what is leaving may have lost data already.
            SettingsError: as `get`.
        """
        tenant = self.get(name)
        if tenant.state is not TenantState.SUSPENDED:
            raise TenantError(f"{name} is {tenant.state}, not suspended")
        active = {"state": TenantState.ACTIVE.value}
        return self._edited(name, lambda text: remove_key(set_keys(text, active), "suspendedSince"))

    def let_leave(self, name: str, today: date) -> Tenant:
        """Lift the protection of a suspended tenant's data, from the end of its retention on.

        Raises:
            TenantError: it isn't suspended, or its retention goes on.
            SettingsError: as `get`.
        """
        tenant = self.get(name)
        if tenant.state is TenantState.ACTIVE or tenant.removable_from is None:
            raise TenantError(f"{name} is active: `fleet tenant suspend {name}` first; its data is kept after that")
        if today < tenant.removable_from:
            raise TenantError(
                f"{name} is suspended since {tenant.suspended_since} and keeps its data for {tenant.retention_days} "
                f"days: it can be removed from {tenant.removable_from} on (retentionDays in its file)"
            )
        return self._edited(name, lambda text: set_keys(text, {"state": TenantState.LEAVING.value}))

    def forget(self, name: str) -> Tenant:
        """Delete the file of a tenant that is leaving; the next updates delete what is left of it.

        Raises:
            TenantError: it isn't leaving.
            SettingsError: as `get`.
        """
        tenant = self.get(name)
        if tenant.state is not TenantState.LEAVING:
            raise TenantError(f"{name} is {tenant.state}, not leaving: its data is protected still")
        self.file_of(name).unlink()
        return tenant

    def _edited(self, name: str, change: Callable[[str], str]) -> Tenant:
        text = self.file_of(name).read_text(encoding="utf-8")
        try:
            return self.write(name, change(text))
        except YamlEditError as error:
            raise TenantError(f"{TENANTS_FOLDER}/{name}.yaml: {error}: edit it by hand") from error

    def _files(self) -> Iterator[Path]:
        yield from sorted((self.project_root / TENANTS_FOLDER).glob("*.yaml"))


def _read(file: Path) -> Tenant:
    return _checked(YamlDocument.read(file), file.stem)


def _checked(document: YamlDocument, name: str) -> Tenant:
    shown = f"{TENANTS_FOLDER}/{document.file}"
    try:
        tenant = Tenant.model_validate(document.content)
    except ValidationError as error:
        raise explain(error, Tenant, file=shown, lines=document.lines, namespace="") from error
    if tenant.name != name:
        problem = f"{tenant.name!r} is not the file's name: call the file {tenant.name}.yaml, or the tenant {name}"
        raise SettingsError([Finding(shown, document.lines.get(("name",)), "name", problem)])
    return tenant
