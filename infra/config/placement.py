"""Where a stack lives and what it is: the words that every other key is read by."""

from enum import StrEnum


class Cloud(StrEnum):
    """Where a stack's resources live."""

    LOCAL = "local"
    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"


class StackKind(StrEnum):
    """What a stack is: a region that serves models, what an account has once, or the front that joins regions."""

    REGION = "region"
    ACCOUNT = "account"
    GLOBAL = "global"


class Phase(StrEnum):
    """How much of a region an update makes.

    A private API server is reached through a tunnel that the first update itself makes: that one stops before
    what runs in the cluster, and the next goes all the way.
    """

    CLOUD = "cloud"
    COMPLETE = "complete"
