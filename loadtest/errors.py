"""What a load test can't go on with."""


class LoadTestError(Exception):
    """The load can't be made, or its result can't be written; the text says why and what to do."""
