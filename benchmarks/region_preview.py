"""What the preview of a whole region costs, in multiples of the preview of an empty program that imports the same SDK.

All run against stand-ins of the clouds, in accounts where nothing is made yet, in turn, without policies. An SDK loads
a service's module when it is first used: `import pulumi_aws` alone loads none. So there are two peers: one that imports
the modules that the region's program uses, which is what the bar is about, and one that imports the SDK's name only.
Processor time is told by whose it is: the engine and the stand-ins, which a cloud's own plugins replace, are the same
programs on both sides, and have more to do for a region.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.stand_ins import Measured, Program, figures, write_program
from rehearsal.world import World

STACK = "aws-us-east-1"
ROUNDS = 3
BAR_RATIO = 2.5
BAR_MB = 500
_SDKS = ("pulumi_aws", "pulumi_kubernetes")


def main() -> int:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory(prefix="modelfleet-bench-") as name:
        folder = Path(name)
        ours = Program.of(STACK, World(folder / "region"))
        modules = ours.modules(_SDKS)
        same = write_program(folder / "same", [f"import {module}" for module in modules])
        bare = write_program(folder / "bare", [f"import {module}" for module in _SDKS])
        programs = (
            ours,
            Program.of("peer", World(folder / "world-same"), project=same),
            Program.of("peer", World(folder / "world-bare"), project=bare),
        )
        rounds = [[program.preview() for program in programs] for _ in range(ROUNDS)]
    region, same_modules, name_only = (list(each) for each in zip(*rounds, strict=True))
    peak_mb = max(each.program_mb for each in region)
    file = report.write(
        "region_preview",
        {
            "stack": STACK,
            "rounds": ROUNDS,
            "load_before": round(os.getloadavg()[0], 1),
            "resources": region[0].made,
            "region": figures(region),
            "empty_program_same_modules": {"modules": len(modules), **figures(same_modules)},
            "empty_program_sdk_name_only": figures(name_only),
            "ratio_to_same_modules": _ratios(region, same_modules),
            "ratio_to_name_only": _ratios(region, name_only),
            "bar": f"at most {BAR_RATIO}",
            "program_peak_mb": round(peak_mb),
            "bar_peak_mb": f"at most {BAR_MB}",
        },
    )
    for peer, measured in (("the same modules", same_modules), ("the SDK's name only", name_only)):
        ratios = _ratios(region, measured)
        print(  # noqa: T201
            f"preview of {STACK} to an empty program's that imports {peer}: {ratios['wall']}x the wall time, "
            f"{ratios['cpu']}x the processor time, the program alone {ratios['program_cpu']}x (bar: {BAR_RATIO}x)"
        )
    print(f"the program takes {peak_mb:.0f} MB (bar: {BAR_MB}); {file}")  # noqa: T201
    return 0


def _ratios(ours: list[Measured], theirs: list[Measured]) -> dict[str, float]:
    """Give medians of the rounds' ratios: wall time, processor time, and that of the program's own process."""
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "wall": round(statistics.median(our.wall_s / their.wall_s for our, their in pairs), 2),
        "cpu": round(statistics.median(our.cpu_s / their.cpu_s for our, their in pairs), 2),
        "program_cpu": round(
            statistics.median(our.cpu_by_part_s["program"] / their.cpu_by_part_s["program"] for our, their in pairs), 2
        ),
    }


if __name__ == "__main__":
    sys.exit(main())
