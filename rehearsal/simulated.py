"""How everything in a rehearsal says that it isn't real."""

from typing import Final

BUILD_METADATA: Final = "simulated"
"""What a simulator's version ends with, after a plus sign: semantic versioning ignores it when versions are compared,
so that the engine finds the plugin, and a person sees what it is."""
MARK: Final = "simulated"
"""An output that every resource here has, and no real one."""
