"""What a resource type of this plugin implements: plain functions over plain values, secrets revealed.

They run in a thread of their own and may block; the provider above marks secrets and talks to the engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

Inputs = Mapping[str, Any]
Outputs = Mapping[str, Any]
Progress = Callable[[str], None]


class InputError(Exception):
    """An input that can't be used: which one, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class ResourceType(ABC):
    """One type of resource.

    Attributes:
        outputs: What it has beside its inputs.
        secrets: Outputs that the state must encrypt.
        replaced_by: Inputs whose change needs a new resource; all others are updated in place.
    """

    outputs: ClassVar[tuple[str, ...]]
    secrets: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def check(self, inputs: Inputs) -> Inputs:
        """Complete and validate; inputs may still lack what a preview doesn't know.

        Raises:
            InputError: an input can't be used.
        """
        return inputs

    def stale(self, outputs: Outputs) -> str | None:
        """Tell why the resource needs an update although no input changed, or None."""
        del outputs
        return None

    def foreseen(self, inputs: Inputs) -> Outputs:
        """Give the outputs that are certain before anything is made; the rest shows as unknown in a preview."""
        del inputs
        return {}

    def kept(self, outputs: Outputs) -> Outputs:
        """Give the outputs that no update in place changes, so that a preview doesn't doubt what rests on them."""
        del outputs
        return {}

    @abstractmethod
    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Make it (finding it half made or made already is normal) and give its id and outputs."""

    def update(self, resource_id: str, inputs: Inputs, outputs: Outputs, progress: Progress) -> Outputs:
        """Bring an existing one to `inputs`; by default as if it were made anew under the same id."""
        del resource_id, outputs
        return self.create(inputs, progress)[1]

    def read(self, resource_id: str, outputs: Outputs) -> Outputs | None:
        """Give it as it is now; None if it is gone."""
        del resource_id
        return outputs

    def delete(self, resource_id: str, outputs: Outputs) -> None:
        """Remove it; one that is gone already is no error."""
        del resource_id, outputs
