"""How a cloud and its plugin behave around a call: how long it takes, what a refusal reads like, who tries again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rehearsal.clock import Takes
from rehearsal.journal import Call, Operation
from rehearsal.mishaps import Fault
from rehearsal.template import fill


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What is particular to one cloud.

    Attributes:
        errors: templates of what the plugin's errors read like, by fault. Known in them are `{module}`, `{class}`,
            `{name}` (the resource's in the program), `{id}` (the same while it has none), `{operation}`, the API's
            `{verb}` for it and `{action}` made of that, and what a template draws.
        verbs: the API's words for what is asked, by operation.
        retries: how often the plugin tries again when the API says that it is asked too often, or sees nothing yet.
        takes: how long operations take, by type.
        settles: how many calls that name a new resource come too early for it, by its type.
    """

    errors: Mapping[Fault, str]
    verbs: Mapping[Operation, str]
    retries: int
    takes: Mapping[str, Takes] = field(default_factory=dict)
    settles: Mapping[str, int] = field(default_factory=dict)

    def refusal(self, fault: Fault, call: Call, *, seed: str) -> str:
        """Give what the engine is told of a fault.

        Args:
            fault: what went wrong.
            call: what was asked.
            seed: what a request's id is drawn from.
        """
        return fill(self.errors.get(fault, _ANY_ERROR), self._known(call), seed)

    def _known(self, call: Call) -> Mapping[str, str]:
        _, module, class_name = call.type.split(":", 2)
        verb = self.verbs.get(call.operation, str(call.operation))
        return {
            "module": module.split("/", maxsplit=1)[0],
            "class": class_name,
            "name": call.name,
            "id": call.id or call.name,
            "verb": verb,
            "action": f"{verb}{class_name}",
            "operation": str(call.operation),
        }


_ANY_ERROR: Final = "{verb} of {class} {id} failed"

OF_ANY: Final = Manners(errors={}, verbs={}, retries=0)
"""Of a plugin that calls nobody."""
