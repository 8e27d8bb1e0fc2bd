"""What a release refuses, in words that are complete: shown alone, without a traceback."""


class ReleaseError(Exception):
    """Something that can't be released, or not now: what was wrong, and what to do."""


class RegionError(ReleaseError):
    """A region couldn't be changed or asked; its release is taken back."""


class RegionBusyError(ReleaseError):
    """Another engine holds a region's stack: that says nothing of the release, so nothing is decided by it."""


class RegionIllError(ReleaseError):
    """A region was ill before the release came to it: its gate couldn't tell one from the other."""
