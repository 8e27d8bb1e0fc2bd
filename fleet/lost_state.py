"""Whether a backend has lost a stack's state: an update would then make everything a second time.

A stack that was taken down leaves no history, as the engine deletes that with it (`pulumi stack rm`). So a history
without a state means that the state is lost, and beginning the stack anew would lose the history too: what is begun for
a preview is removed after it.
"""

from fleet.console import FleetError
from infra.config.load import NAMESPACE
from toolchain.file_backend import folder_of


class StateLostError(FleetError):
    """A backend knows of a stack, and its state isn't there."""


def check_not_lost(backend: str, stack: str) -> None:
    """Refuse to begin a stack that was there.

    Args:
        backend: URL of the state backend; of a bucket nothing is known here.
        stack: The stack.

    Raises:
        StateLostError: its state is gone.
    """
    root = folder_of(backend)
    if root is None:
        return
    history = root / "history" / NAMESPACE / stack
    there = [root / "stacks" / NAMESPACE / f"{stack}.json{packed}" for packed in ("", ".gz")]
    if not any(file.is_file() for file in there) and any(history.glob("*.checkpoint.json*")):
        raise StateLostError(
            f"the state of stack {stack} is gone from {backend}, and what it was stands in {history}: an update would "
            "make everything a second time, so nothing was touched; docs/runbooks/lost-state.md says how it comes back "
            "(if the stack is to be begun anew all the same, remove that folder)"
        )
