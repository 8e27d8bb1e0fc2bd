"""What a release refuses, in words that are complete: shown alone, without a traceback."""


class ReleaseError(Exception):
    """Something that can't be released, or not now: what was wrong, and what to do."""


class RegionError(ReleaseError):
    """A region couldn't be changed or asked; its release is taken back."""
