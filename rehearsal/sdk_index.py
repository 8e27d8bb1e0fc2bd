"""Which class of which module of an SDK a resource type is, found without importing the SDK.

Each generated SDK lists its types in its `__init__.py`: a JSON text inside a call. Importing that file costs up to
half a second and tens of megabytes, in each of the plugin processes that the engine starts; reading it costs little.
"""

import importlib.util
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_RESOURCE_MODULES: Final = re.compile(r'resource_modules="""\n(.*?)\n"""', re.DOTALL)


class SdkMissingError(Exception):
    """An SDK isn't installed."""


@cache
def sdk_version(package: str) -> str:
    """Give the version of the plugin that an SDK asks for.

    Args:
        package: the Python package, `pulumi_aws`.

    Raises:
        SdkMissingError: it isn't installed.
    """
    described = _folder(package) / "pulumi-plugin.json"
    try:
        return json.loads(described.read_text(encoding="utf-8"))["version"]
    except OSError:
        from importlib.metadata import version  # noqa: PLC0415 - a tenth of a plugin's start, for SDKs without the file

        return version(package.replace("_", "-"))


@cache
def resource_classes(package: str) -> Mapping[str, tuple[str, str]]:
    """Give the module and class of each resource type token of an SDK.

    Raises:
        SdkMissingError: it isn't installed.
    """
    text = (_folder(package) / "__init__.py").read_text(encoding="utf-8")
    found = _RESOURCE_MODULES.search(text)
    if found is None:
        raise SdkMissingError(f"the installed {package} doesn't list its resource types as this version expects")
    return {
        token: (module["fqn"], class_name)
        for module in json.loads(found[1])
        for token, class_name in module["classes"].items()
    }


@cache
def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if "." not in package else None
    if spec is None or not spec.submodule_search_locations:
        raise SdkMissingError(f"the Python package {package} isn't installed; run `make setup`")
    return Path(next(iter(spec.submodule_search_locations)))
