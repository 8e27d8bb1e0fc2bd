"""A local stack of its own: its own state, cluster and stack file, so that it runs beside anybody else's."""

import json
import os
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@dataclass
class LocalStack:
    """A stack that is driven as a person would: by the command line."""

    name: str
    state: Path
    _outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return ROOT / f"Pulumi.{self.name}.yaml"

    def write(self, **settings: Any) -> None:
        """Write the stack file; `settings` replace whole keys."""
        config = {
            "cloud": "local",
            "cluster": {"name": self.name},
            "model": {"name": "demo-coder", "source": "models/demo-coder"},
            **settings,
        }
        encrypted = yaml.safe_load(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        document = {**encrypted, "config": {f"modelfleet:{key}": value for key, value in config.items()}}
        self.file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def fleet(self, *arguments: str, check: bool = True, timeout_s: float = 900) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [ROOT / ".venv" / "bin" / "fleet", *arguments],
            cwd=ROOT,
            env={**os.environ, "MODELFLEET_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"fleet {' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def up(self) -> dict[str, int]:
        """Bring it up and tell what was changed."""
        self._outputs.clear()
        changes = json.loads(self.fleet("up", self.name, "--yes", "--json").stdout)["changes"]
        return {kind: number for kind, number in changes.items() if kind != "same"}

    def outputs(self) -> dict[str, Any]:
        if not self._outputs:
            self._outputs.update(json.loads(self.fleet("output", self.name, "--show-secrets").stdout))
        return self._outputs

    def kubectl(self, *arguments: str) -> str:
        from toolchain import builder  # noqa: PLC0415 - may build

        program = builder.ensure("kubernetes") / "kubectl"
        kubeconfig = self.state / "clusters" / self.name / "kubeconfig"
        done = subprocess.run(
            [program, "--kubeconfig", kubeconfig, "-n", "modelfleet", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def authority(self) -> Path:
        file = self.state / "authority.pem"
        file.write_text(self.outputs()["caCertificate"], encoding="utf-8")
        return file

    def client(self, *, key: str | None = None, retries: int = 0) -> openai.OpenAI:
        outputs = self.outputs()
        return openai.OpenAI(
            base_url=f"{outputs['endpoint']}/v1",
            api_key=key or outputs["apiKeys"]["demo"],
            http_client=openai.DefaultHttpxClient(
                verify=ssl.create_default_context(cafile=self.authority()), trust_env=False
            ),
            max_retries=retries,
            timeout=120,
        )
