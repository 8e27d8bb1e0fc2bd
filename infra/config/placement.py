"""Where a stack lives and what it is: the words that every other key is read by."""

from enum import StrEnum


class Cloud(StrEnum):
    """Where a stack's resources live."""

    LOCAL = "local"
    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"


class StackKind(StrEnum):
    """A region that serves models, what an account has once, the front of all regions, or where stacks keep state."""

    REGION = "region"
    ACCOUNT = "account"
    GLOBAL = "global"
    STATE = "state"


class Phase(StrEnum):
    """How much of a region an update makes.

    A private API server is reached through a tunnel that the first update itself makes: that one stops before
    what runs in the cluster, and the next goes all the way.
    """

    CLOUD = "cloud"
    COMPLETE = "complete"
