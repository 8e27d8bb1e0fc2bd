"""One of a drill's regions: a local stack whose embedded cluster serves the demo model."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from fleet.console import FleetError
from fleet.release_drill.place import DrillPlace
from fleet.release_drill.standing import Standing
from fleet.stacks import stack_file
from infra.clouds.names import NAMESPACE
from release.gate.probe import Door
from toolchain import builder
from toolchain.cluster import ClusterSpec, EmbeddedCluster
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.settings import read_run
from toolchain.images.derived_image import DerivedImage

_MODEL: Final = {"name": "demo-coder", "source": "models/demo-coder"}
_GPUS: Final = 4
"""Simulated: the node stands for one of a GPU pool, with room for a rollout beside pods that are still ending."""


@dataclass(frozen=True)
class DrillRegion:
    """One region; its stack and its cluster have one name.

    Attributes:
        stack: The name.
        place: Where the drill lives.
    """

    stack: str
    place: DrillPlace

    @property
    def file(self) -> Path:
        """The stack's file, which is in the clone while the drill runs, as any stack's."""
        return stack_file(self.stack)

    @property
    def cluster(self) -> EmbeddedCluster:
        """Its Kubernetes."""
        return EmbeddedCluster(self.stack, state_dir=self.place.folder)

    def start(self, server: str, gateway: str, say: Callable[[str], None]) -> None:
        """Start its cluster, and write its stack's file.

        Args:
            server: The model server's image, by digest.
            gateway: The gateway's.
            say: Is told each step.

        Raises:
            ToolchainError: the cluster can't be started.
        """
        self.cluster.start(ClusterSpec(simulated_gpus=_GPUS), on_progress=say)
        settings = {
            "cloud": "local",
            "environment": "drill",
            "cluster": {"name": self.stack, "simulatedGpus": _GPUS},
            "model": _MODEL,
            "serving": {"image": server, "gpus": 1},
            "gateway": {"image": gateway},
        }
        config = {f"modelfleet:{key}": value for key, value in settings.items()}
        self.file.write_text(yaml.safe_dump({"config": config}, sort_keys=False), encoding="utf-8")

    def take(self, image: DerivedImage) -> None:
        """Give its node an image, as a registry would when it is first pulled.

        Raises:
            ToolchainError: it doesn't take it.
        """
        self.cluster.import_image(image.archive, image.reference)

    def up(self) -> None:
        """Bring its stack up.

        Raises:
            FleetError: that fails.
        """
        self.place.checked("up", self.stack, "--yes")

    @cached_property
    def door(self) -> Door:
        """Its API as clients reach it; of a stack that is up."""
        outputs = json.loads(self.place.checked("output", self.stack, "--show-secrets"))
        authority = self.place.folder / f"{self.stack}.pem"
        authority.write_text(outputs["caCertificate"], encoding="utf-8")
        key = next(iter(outputs["apiKeys"].values()))
        return Door(outputs["endpoint"], key, outputs["model"], outputs["modelDigest"], authority)

    def standing(self) -> Standing:
        """Ask its Kubernetes what runs.

        Raises:
            FleetError: it gives no answer.
        """
        return Standing.of(self._listed("deployments"), self._listed("pods"))

    def lose(self) -> None:
        """Kill its cluster, all processes at once, as a machine that loses power."""
        record = read_run(ClusterLayout(self.stack, self.place.folder / "clusters" / self.stack))
        if record is not None and record.supervisor.alive():
            os.kill(record.supervisor.pid, signal.SIGKILL)

    def end(self) -> None:
        """Remove all of it. The stack isn't asked: whatever it has made is in its cluster and in the drill's folder."""
        try:
            if self.cluster.exists:
                self.cluster.reset()
        finally:
            self.file.unlink(missing_ok=True)

    def _listed(self, kind: str) -> list[dict[str, Any]]:
        kubectl = builder.ensure("kubernetes") / "kubectl"
        command = [kubectl, "--kubeconfig", self.cluster.kubeconfig, "-n", NAMESPACE, "get", kind, "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FleetError(f"{self.stack}: its Kubernetes gives no answer: {done.stderr.strip()}")
        return json.loads(done.stdout)["items"]
