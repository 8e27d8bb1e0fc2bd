"""The running local stack as the benchmarks use it: its pods and its endpoint."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.access import Access
from fleet.stacks import Stack
from toolchain import builder
from toolchain.cluster import EmbeddedCluster

SERVER_PODS = "app.kubernetes.io/name=model-server"


@dataclass(frozen=True)
class LocalStack:
    """The local stack, which must be up."""

    access: Access
    kubeconfig: str

    @classmethod
    def open(cls) -> "LocalStack":
        """Open it.

        Raises:
            FleetError: it is not up.
        """
        stack = Stack.open("local", create=False)
        cluster = EmbeddedCluster(stack.settings.cluster.name)
        return cls(Access.of("local", stack.engine.outputs("local")), str(cluster.kubeconfig))

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in our namespace and give what it prints."""
        program = builder.ensure("kubernetes") / "kubectl"
        return subprocess.run(
            [program, "--kubeconfig", self.kubeconfig, "-n", "modelfleet", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def server_pods(self) -> list[Mapping[str, Any]]:
        """Give the model server's pods as the API server has them."""
        return json.loads(self.kubectl("get", "pods", "-l", SERVER_PODS, "-o", "json"))["items"]
