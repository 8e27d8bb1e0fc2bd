"""What is installed in a program's Python, and which resource plugins that asks for."""

import asyncio
import base64
import importlib.metadata
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.language_host.environment import PythonEnvironment
from toolchain.language_host.messages import plugin_pb2

# Packages named pulumi-* that bring no plugin and say nothing about it.
_WITHOUT_PLUGIN = frozenset({"pulumi-policy", "pulumi-esc-sdk"})
_PLUGIN_FILE = "pulumi-plugin.json"
_PRE_RELEASES = {"a": "alpha", "b": "beta", "rc": "rc"}
# The part of PEP 440 that has a counterpart in semantic versioning: no epoch, no local version.
_VERSION = re.compile(
    r"(?P<release>\d+(?:\.\d+)*)(?:(?P<kind>a|b|rc)(?P<pre>\d+))?(?P<post>\.post\d+)?(?P<dev>\.dev\d+)?"
)


class PluginFileError(Exception):
    """A package's pulumi-plugin.json can't be read."""


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """A Python package: its normalized name (PEP 503), its version, and what it asks for."""

    name: str
    version: str
    requires: tuple[str, ...]


async def search_path(environment: PythonEnvironment) -> list[str]:
    """Return the folders in which a program's Python looks for packages.

    Raises:
        OSError: the interpreter can't be started.
    """
    if environment.is_ours:
        return sys.path
    process = await asyncio.create_subprocess_exec(
        str(environment.python),
        "-c",
        "import json, sys; print(json.dumps(sys.path))",
        env=environment.variables(),
        cwd=environment.options.program,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return [folder for folder in json.loads(out or b"[]") if folder]


def installed_packages(path: list[str]) -> dict[str, InstalledPackage]:
    """Return all packages on a search path by name; of two with one name the first, as Python itself does."""
    found: dict[str, InstalledPackage] = {}
    for distribution in importlib.metadata.distributions(path=path):
        name = distribution.metadata["Name"]
        if not name:  # what a broken uninstall left
            continue
        normalized = normalize(name)
        if normalized not in found:
            requires = tuple(distribution.requires or ())
            found[normalized] = InstalledPackage(normalized, distribution.version, requires)
    return found


def direct_packages(packages: dict[str, InstalledPackage]) -> list[InstalledPackage]:
    """Return the packages that no other package asks for."""
    required = {
        normalize(match[0])
        for package in packages.values()
        for requirement in package.requires
        if "extra ==" not in requirement and (match := re.match(r"[A-Za-z0-9._-]+", requirement))
    }
    return [package for name, package in packages.items() if name not in required]


def required_plugins(path: list[str]) -> list[plugin_pb2.PackageDependency]:
    """Return the resource plugins that the installed packages ask for, in the order of their names.

    Raises:
        PluginFileError: a pulumi-plugin.json can't be read.
    """
    found: dict[str, plugin_pb2.PackageDependency] = {}
    # Names and versions stand in the folders' names; reading every package's metadata would take ten times as long.
    for folder in path:
        for info in sorted(Path(folder).glob("*.dist-info")):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            normalized = normalize(name)
            if normalized in found or normalized in _WITHOUT_PLUGIN:
                continue
            file = _plugin_file(path, normalized)
            if file is None and not normalized.startswith("pulumi-"):
                continue
            if (dependency := _dependency(normalized, version, file)) is not None:
                found[normalized] = dependency
    return [found[name] for name in sorted(found)]


def plugin_version(package_version: str) -> str | None:
    """Return the plugin's semantic version for a Python package's version (PEP 440), None where there is none.

    ``1.0`` is ``1.0.0``, ``1.2.3a4`` is ``1.2.3-alpha.4``, ``1.2.3.post4.dev5`` is ``1.2.3+post4dev5``: what the
    official host makes of them.
    """
    match = _VERSION.fullmatch(package_version)
    if match is None:
        return None
    release = match["release"].split(".")
    version = ".".join(release + ["0"] * (3 - len(release)))
    if match["kind"]:
        version += f"-{_PRE_RELEASES[match['kind']]}.{match['pre']}"
    build = "".join(part.lstrip(".") for part in (match["post"], match["dev"]) if part)
    return f"{version}+{build}" if build else version


def normalize(name: str) -> str:
    """Return a package name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _plugin_file(path: list[str], name: str) -> Path | None:
    module = name.replace("-", "_")
    return next((file for folder in path if (file := Path(folder, module, _PLUGIN_FILE)).is_file()), None)


def _dependency(name: str, package_version: str, file: Path | None) -> plugin_pb2.PackageDependency | None:
    said: dict[str, Any] = {}
    if file is not None:
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PluginFileError(f"{file} can't be read: {error}; install {name} again") from error
        if not said.get("resource"):
            return None
    version = said.get("version") or plugin_version(package_version)
    if not version:
        return None
    return plugin_pb2.PackageDependency(
        name=said.get("name") or name.removeprefix("pulumi-"),
        version="v" + version.removeprefix("v"),
        kind="resource",
        server=said.get("server", ""),
        parameterization=_parameterization(said.get("parameterization")),
        extension=_parameterization(said.get("extensionParameterization")),
    )


def _parameterization(said: dict[str, str] | None) -> plugin_pb2.PackageParameterization | None:
    if not said:
        return None
    return plugin_pb2.PackageParameterization(
        name=said.get("name", ""),
        version=said.get("version", ""),
        value=base64.b64decode(said.get("value", "")),
    )
