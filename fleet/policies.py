"""The policy pack that every preview and update of a stack goes through: a self-managed backend runs none by itself."""

from toolchain.locations import clone_dir


def policy_arguments() -> tuple[str, ...]:
    """Give the engine's arguments for the pack."""
    return ("--policy-pack", str(clone_dir() / "infra" / "policy"))
