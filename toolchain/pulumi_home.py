"""A PULUMI_HOME for each flavour of plugins, and the environment in which the Pulumi CLI uses it.

Pulumi.yaml names no plugin: the CLI looks for `plugins/resource-NAME-vVERSION/pulumi-resource-NAME` in its home. Ours
are small scripts there that start this clone's Python, so each clone has homes of its own; the stacks' state lies
beside them and is shared.
"""

import hashlib
import importlib.metadata
import json
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain import builder
from toolchain.errors import PulumiHomeError
from toolchain.flavour import VARIABLE, Flavour
from toolchain.locations import clone_dir, state_dir, tools_dir, unusable
from toolchain.official import find_official, install_official, official_dir, wanted
from toolchain.recipes import recipe_named

_SCRIPT: Final = """\
#!/bin/sh
# Written by modelfleet, which rewrites it when the clone or its Python environment moves.
exec {python} -I -c {code} "$@"
"""
# -I and an explicit first entry of sys.path: neither the folder that the engine starts us in nor the user's PYTHONPATH
# may decide which `toolchain` this is.
_CODE: Final = "import sys; sys.path.insert(0, {clone!r}); from {module}.__main__ import main; main()"


@dataclass(frozen=True, slots=True)
class ResourcePlugin:
    """A resource plugin of ours.

    Attributes:
        name: what comes before the first colon of its resource types.
        module: the package whose ``__main__`` has its ``main``.
        distribution: the installed Python package with the SDK whose plugin version it takes over.
    """

    name: str
    module: str
    distribution: str

    @property
    def version(self) -> str:
        """The version under which the engine looks for it.

        Raises:
            PulumiHomeError: the SDK isn't installed.
        """
        try:
            distribution = importlib.metadata.distribution(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            raise PulumiHomeError(
                f"the Python package {self.distribution} isn't installed in {sys.prefix}; run `make setup`"
            ) from None
        described = distribution.locate_file(self.distribution.replace("-", "_") + "/pulumi-plugin.json")
        try:
            return json.loads(Path(str(described)).read_text(encoding="utf-8"))["version"]
        except (OSError, ValueError, KeyError):
            return distribution.version


_KUBERNETES: Final = ResourcePlugin("kubernetes", "toolchain.kubernetes_provider", "pulumi-kubernetes")
_MODELFLEET: Final = ResourcePlugin("modelfleet", "toolchain.modelfleet_provider", "modelfleet")
PLUGINS: Final[Mapping[Flavour, tuple[ResourcePlugin, ...]]] = {
    Flavour.OFFICIAL: (_MODELFLEET,),
    Flavour.BUILT: (_MODELFLEET, _KUBERNETES),
    Flavour.SIMULATED: (
        ResourcePlugin("modelfleet", "rehearsal.modelfleet", "modelfleet"),
        ResourcePlugin("kubernetes", "rehearsal.kubernetes", "pulumi-kubernetes"),
        ResourcePlugin("aws", "rehearsal.aws", "pulumi-aws"),
        ResourcePlugin("azure-native", "rehearsal.azure", "pulumi-azure-native"),
        ResourcePlugin("gcp", "rehearsal.gcp", "pulumi-gcp"),
    ),
}
"""Which plugins of ours each flavour's home holds."""


def choose_flavour() -> Flavour:
    """Return the flavour in which this machine runs stacks, and make its CLI be there where that is a download.

    ``MODELFLEET_PULUMI=official`` or ``built`` decides; otherwise the official CLI is used where it is on PATH, then
    what an earlier run installed or built, then the official one where its download host answers within two seconds.

    Raises:
        OfficialPulumiError: the official CLI is asked for by name and can't be had, or the variable is misspelt.
    """
    choice = wanted()
    if choice == Flavour.BUILT:
        return Flavour.BUILT
    if find_official() is not None:
        return Flavour.OFFICIAL
    if choice == Flavour.OFFICIAL:
        official_dir()
        return Flavour.OFFICIAL
    if builder.is_built("pulumi"):
        return Flavour.BUILT
    return Flavour.BUILT if install_official() is None else Flavour.OFFICIAL


def pulumi_environment(flavour: Flavour) -> dict[str, str]:
    """Return the environment variables in which the CLI runs in a flavour; make what they point to.

    A backend and a passphrase that the user's environment names are kept.

    Raises:
        ToolchainError: the subclass that says what is missing.
    """
    home = ensure_home(flavour)
    engine = official_dir() if flavour.is_official else builder.ensure("pulumi")
    environment = {
        "PATH": _path(engine),
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": os.environ.get("PULUMI_BACKEND_URL") or _local_backend(),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        VARIABLE: str(flavour),
    }
    if not flavour.is_official:
        # A missing plugin is an error at once, not a search for a host that isn't reachable.
        environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        environment["PULUMI_DISABLE_REGISTRY_RESOLVE"] = "true"
    if "PULUMI_CONFIG_PASSPHRASE" not in os.environ:
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE") or str(
            _passphrase_file()
        )
    return environment


def shell_exports(flavour: Flavour) -> str:
    """Return the lines that ``eval "$(fleet env)"`` runs, so that the plain CLI works as ``fleet`` does.

    Raises:
        ToolchainError: the subclass that says what is missing.
    """
    environment = pulumi_environment(flavour)
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items()))


def ensure_home(flavour: Flavour) -> Path:
    """Return a flavour's PULUMI_HOME, with the scripts in it that belong there and no stale ones.

    Raises:
        PulumiHomeError: it can't be written, or an SDK that a plugin belongs to isn't installed.
    """
    home = home_dir(flavour)
    try:
        if not flavour.is_official:
            # In the plugins' folder and not on PATH, where the engine would warn of it at each run.
            folder = home / "plugins" / f"language-python-v{recipe_named('pulumi').version}"
            _write_script(folder / "pulumi-language-python", "toolchain.language_host")
        for plugin in PLUGINS[flavour]:
            folder = home / "plugins" / f"resource-{plugin.name}-v{plugin.version}"
            _write_script(folder / f"pulumi-resource-{plugin.name}", plugin.module)
    except OSError as error:
        raise PulumiHomeError(
            unusable(home)
            or f"{home} can't be written: {error}. Make room there, or set MODELFLEET_STATE to "
            "a folder that you may write to."
        ) from error
    return home


def home_dir(flavour: Flavour) -> Path:
    """Return where a flavour's PULUMI_HOME is: one for each clone and Python environment, so that they don't mix."""
    owner = hashlib.sha256(f"{clone_dir()}\n{sys.prefix}".encode()).hexdigest()[:8]
    return state_dir() / "pulumi" / f"home-{flavour}-{owner}"


def _write_script(path: Path, module: str) -> None:
    code = _CODE.format(clone=str(clone_dir()), module=module)
    text = _SCRIPT.format(python=shlex.quote(sys.executable), code=shlex.quote(code))
    try:
        if path.read_text(encoding="utf-8") == text and os.access(path, os.X_OK):
            return
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, text, mode=0o755)


def _replace(path: Path, text: str, *, mode: int) -> None:
    """Write a file so that nobody ever sees half of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _local_backend() -> str:
    folder = state_dir() / "pulumi" / "backend"
    folder.mkdir(parents=True, exist_ok=True)
    return f"file://{folder}"


def _passphrase_file() -> Path:
    """Return the file with the passphrase of local stacks' secrets; made once, readable by its owner only."""
    path = state_dir() / "pulumi" / "passphrase"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".passphrase-", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32))
        os.fsync(file.fileno())
    try:
        # A link, not a rename: of two processes that get here at once the first one's passphrase stays.
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
    return path


def _path(engine: Path) -> str:
    """Return PATH with the CLI's folder first, without those that an earlier call put there."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    ours = [entry for entry in entries if Path(entry).parent == tools_dir() or Path(entry) == engine]
    return os.pathsep.join([str(engine), *(entry for entry in entries if entry not in ours)])
