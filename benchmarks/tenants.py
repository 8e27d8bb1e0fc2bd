"""What 100 tenants cost, in multiples of the same number of plain resources.

Four previews in turn, against stand-ins, in accounts where nothing is made yet, without policies: a region with and
without its tenants, and a program with as many plain resources and with none. What tenants add is divided by what plain
resources add. Each object of a tenant is a resource of its own.

The first round's region tells how many plain resources there are to be. Each preview is told as it ends.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.stand_ins import Measured, Program, figures, write_program
from rehearsal.world import World
from toolchain.locations import clone_dir

STACK = "aws-eu-central-1"
TENANTS = 100
ROUNDS = 2
BAR_RATIO = 1.25
BAR_MB = 500
_TENANT = "name: {name}\nplan: enterprise\nstacks: [{stack}]\nadmins: [{name}-admins]\n"


def main() -> int:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory(prefix="modelfleet-bench-") as name:
        folder = Path(name)
        hosted, none = _files(folder / "files", TENANTS), _files(folder / "no-files", 0)
        regions = {
            f"{TENANTS} tenants": Program.of(STACK, World(folder / "tenants"), files=hosted),
            "no tenants": Program.of(STACK, World(folder / "none"), files=none),
        }
        of_regions = [_told(1, *each) for each in regions.items()]
        number = of_regions[0].made - of_regions[1].made
        resources, nothing = (
            write_program(folder / "peer", _plain(number)),
            write_program(folder / "no-peer", _plain(0)),
        )
        peers = {
            f"{number} plain resources": Program.of("peer", World(folder / "plain"), project=resources),
            "no resources": Program.of("peer", World(folder / "empty"), project=nothing),
        }
        rounds = [of_regions + [_told(1, *each) for each in peers.items()]]
        rounds += [[_told(later, *each) for each in (regions | peers).items()] for later in range(2, ROUNDS + 1)]
    wall = statistics.median((a.wall_s - b.wall_s) / (c.wall_s - d.wall_s) for a, b, c, d in rounds)
    cpu = statistics.median((a.cpu_s - b.cpu_s) / (c.cpu_s - d.cpu_s) for a, b, c, d in rounds)
    peak_mb = max(measured[0].program_mb for measured in rounds)
    file = report.write(
        "tenants",
        {
            "tenants": TENANTS,
            "resources_of_tenants": number,
            "rounds": ROUNDS,
            "load_before": round(os.getloadavg()[0], 1),
            **{
                name: figures([measured[place] for measured in rounds])
                for place, name in enumerate(("with_tenants", "without_tenants", "plain_resources", "no_resources"))
            },
            "ratio_wall_median": round(wall, 2),
            "ratio_cpu_median": round(cpu, 2),
            "bar": f"at most {BAR_RATIO}",
            "program_peak_mb": round(peak_mb),
            "bar_peak_mb": f"at most {BAR_MB}",
        },
    )
    print(  # noqa: T201
        f"{TENANTS} tenants ({number} resources): {wall:.2f}x the wall time of as many plain ones, {cpu:.2f}x the "
        f"processor time (bar: {BAR_RATIO}x); the program takes {peak_mb:.0f} MB (bar: {BAR_MB}); {file}"
    )
    return 0


def _told(number: int, name: str, program: Program) -> Measured:
    """Preview once, and say what it took."""
    measured = program.preview()
    taken = f"{measured.wall_s:.1f} s, {measured.cpu_s:.1f} s of processors"
    print(f"round {number} of {ROUNDS}, {name}: {taken}", file=sys.stderr, flush=True)  # noqa: T201
    return measured


def _files(folder: Path, tenants: int) -> Path:
    """Write a region's stack file, the smallest example's, and its tenants' files."""
    (folder / "tenants").mkdir(parents=True)
    example = clone_dir() / "examples" / "smallest-region" / f"Pulumi.{STACK}.yaml"
    (folder / example.name).write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    for number in range(tenants):
        name = f"bench{number:03}"
        file = folder / "tenants" / f"{name}.yaml"
        file.write_text(_TENANT.format(name=name, stack=STACK), encoding="utf-8")
    return folder


def _plain(number: int) -> list[str]:
    """Give a program of plain resources: ConfigMaps with a name, a label and a value."""
    return [
        "import pulumi",
        "import pulumi_aws",
        "import pulumi_kubernetes as k8s",
        "provider = k8s.Provider('cluster', kubeconfig='{}', cluster_identifier='plain')",
        f"for number in range({number}):",
        "    k8s.core.v1.ConfigMap(",
        "        f'plain-{number}',",
        "        metadata={'name': f'plain-{number}', 'namespace': 'default', 'labels': {'plain': str(number)}},",
        "        data={'value': str(number)},",
        "        opts=pulumi.ResourceOptions(provider=provider),",
        "    )",
    ]


if __name__ == "__main__":
    sys.exit(main())
