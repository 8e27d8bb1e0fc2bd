"""The policy pack that every preview and update of a stack goes through: a self-managed backend runs none by itself."""

import importlib.util

from fleet import console
from fleet.console import FleetError
from infra.config import Cloud, StackSettings
from toolchain.locations import clone_dir


def policy_arguments(settings: StackSettings) -> tuple[str, ...]:
    """Give the engine's arguments for the pack.

    Raises:
        FleetError: the pack can't run here, and the stack is in a cloud.
    """
    if importlib.util.find_spec("pulumi_policy") is None:
        missing = "the Python package pulumi-policy isn't installed here: run `make setup-all`"
        if settings.cloud is not Cloud.LOCAL:
            raise FleetError(f"no stack of a cloud is changed without its policies, and {missing}")
        console.note(f"policies are not checked: {missing}")
        return ()
    return ("--policy-pack", str(clone_dir() / "infra" / "policy"))
