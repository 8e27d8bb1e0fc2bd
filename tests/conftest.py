"""What has to be set before any test imports anything."""

import os
from pathlib import Path

if not Path("/dev/nvidia0").exists():
    # Triton reads this when it is first imported, even by torch: from then on its functions are interpreted, or not.
    os.environ.setdefault("TRITON_INTERPRET", "1")
