"""The engine of a rehearsal: what of a stack's state is no secret is read from the world's own backend.

The CLI takes most of a second to export a state, for it makes a key of the passphrase first. Before each operation that
is asked for twice (what is pending, whether objects are in the cluster yet), and a drill has hundreds of operations.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet.engine import Engine


class WorldEngine(Engine):
    """The Pulumi CLI in a rehearsal.

    Args:
        environment: all that the CLI gets.
        project: the folder with Pulumi.yaml.
        backend: the folder of the world's states.
    """

    def __init__(self, environment: Mapping[str, str], *, project: Path, backend: Path) -> None:
        super().__init__(environment, project=project, whole=True)
        self._backend = backend

    def export(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        """Give the stack's checkpoint, secrets encrypted unless they are to be shown."""
        files = list(self._backend.glob(f".pulumi/stacks/*/{stack}.json"))
        if show_secrets or len(files) != 1:
            return super().export(stack, show_secrets=show_secrets)
        stored = json.loads(files[0].read_text(encoding="utf-8"))
        return {"version": stored["version"], "deployment": stored["checkpoint"]["latest"]}
