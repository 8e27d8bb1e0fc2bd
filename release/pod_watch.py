"""When an update is given up because of its pods: the engine alone would wait for them for ten minutes."""

from collections.abc import Sequence
from typing import Final

from release.gate.check import PodTrouble

LOOK_EVERY_S: Final = 2.0
TROUBLE_LIMIT_S: Final = 20.0
"""How long a pod may be in trouble before its release is given up: registries and nodes have hiccups of seconds."""


class PodWatch:
    """Looks at the troubles of an update's pods, every `LOOK_EVERY_S` seconds, and says when it is enough."""

    def __init__(self) -> None:
        self._looks: dict[str, int] = {}

    def look(self, troubles: Sequence[PodTrouble]) -> PodTrouble | None:
        """Take what is found now; give what the update is to be given up for, or None."""
        self._looks = {pod: self._looks.get(pod, 0) + 1 for pod in {one.pod for one in troubles}}
        for one in troubles:
            if one.conclusive or self._looks[one.pod] * LOOK_EVERY_S >= TROUBLE_LIMIT_S:
                return one
        return None
