"""What the preview of a whole region costs, in multiples of the preview of an empty program that imports the same SDK.

Both run against stand-ins of the clouds, in accounts where nothing is made yet, in turn, without policies. The peer
pays what the engine, the language host and the SDKs' imports cost anyway.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.stand_ins import Program, figures, write_program
from rehearsal.world import World

STACK = "aws-us-east-1"
ROUNDS = 3
BAR_RATIO = 2.5
BAR_MB = 500


def main() -> int:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory(prefix="modelfleet-bench-") as name:
        folder = Path(name)
        peer = write_program(folder / "peer", ["import pulumi_aws", "import pulumi_kubernetes"])
        region = Program.of(STACK, World(folder / "region"))
        empty = Program.of("peer", World(folder / "empty"), project=peer)
        pairs = [(empty.preview(), region.preview()) for _ in range(ROUNDS)]
    theirs, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    cpu = statistics.median(our.cpu_s / their.cpu_s for their, our in pairs)
    wall = statistics.median(our.wall_s / their.wall_s for their, our in pairs)
    peak_mb = max(each.program_mb for each in ours)
    file = report.write(
        "region_preview",
        {
            "stack": STACK,
            "rounds": ROUNDS,
            "load_before": round(os.getloadavg()[0], 1),
            "resources": ours[0].made,
            "region": figures(ours),
            "empty_program": figures(theirs),
            "ratio_wall_median": round(wall, 2),
            "ratio_cpu_median": round(cpu, 2),
            "bar": f"at most {BAR_RATIO}",
            "program_peak_mb": round(peak_mb),
            "bar_peak_mb": f"at most {BAR_MB}",
        },
    )
    print(  # noqa: T201
        f"preview of {STACK}: {wall:.2f}x an empty program's wall time, {cpu:.2f}x its processor time (bar: "
        f"{BAR_RATIO}x); the program takes {peak_mb:.0f} MB (bar: {BAR_MB}); {file}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
