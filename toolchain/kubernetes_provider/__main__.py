"""`python -m toolchain.kubernetes_provider`: the plugin process that the engine starts."""

import importlib.util
import json
from pathlib import Path

from toolchain.kubernetes_provider.provider import KubernetesProvider
from toolchain.provider.server import serve


def sdk_version() -> str:
    """Give the version of the installed `pulumi_kubernetes` SDK: the one that it asks its plugin to have.

    Found without importing the SDK, which takes a second.
    """
    spec = importlib.util.find_spec("pulumi_kubernetes")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the package 'pulumi-kubernetes' is not installed: run `make tools`", name="pulumi_kubernetes"
        )
    return json.loads((Path(spec.origin).parent / "pulumi-plugin.json").read_text())["version"]


def main() -> None:
    """Serve until the engine goes away."""
    serve(KubernetesProvider(sdk_version()))


if __name__ == "__main__":
    main()
