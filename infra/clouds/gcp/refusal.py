"""How a stack file is told what Google Cloud can't do with it."""

import pulumi

from infra.config import Finding, SettingsError


def refusal(key: str, problem: str) -> SettingsError:
    """The error for `key` of this stack's file.

    Args:
        key: Path of the key, without the namespace: `network.zones`.
        problem: What is wrong, and what would be right.
    """
    return SettingsError([Finding(f"Pulumi.{pulumi.get_stack()}.yaml", None, f"modelfleet:{key}", problem)])
