"""How long `pulumi preview` of the local stack takes, in multiples of the preview of an empty Python program.

The empty program is the peer: what the engine, the language host and the SDK's import cost anyway. Both run in turn,
several times, on the same backend kind, with the stack up (so that every object is compared with the cluster).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import report
from fleet.stacks import Stack
from toolchain.locations import clone_dir
from toolchain.pulumi_home import choose_flavour, pulumi_environment

ROUNDS = 9


def main() -> int:
    """Measure, print and write."""
    flavour = choose_flavour()
    environment = {**os.environ, **pulumi_environment(flavour)}
    Stack.open("local", create=False)
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        (empty / "backend").mkdir()
        (empty / "__main__.py").write_text("import pulumi\n", encoding="utf-8")
        python = clone_dir() / ".venv"
        (empty / "Pulumi.yaml").write_text(
            f"name: empty\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {python}}}}}\n",
            encoding="utf-8",
        )
        empty_environment = {**environment, "PULUMI_BACKEND_URL": (empty / "backend").as_uri()}
        _run(["pulumi", "stack", "init", "empty", "--non-interactive"], empty, empty_environment)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(ROUNDS):
            theirs.append(_run(["pulumi", "preview", "-s", "empty", "--non-interactive"], empty, empty_environment))
            ours.append(_run(["pulumi", "preview", "-s", "local", "--non-interactive"], clone_dir(), environment))
    ratios = sorted(our / their for our, their in zip(ours, theirs, strict=True))
    ratio = ratios[len(ratios) // 2]
    file = report.write(
        "preview_overhead",
        {
            "flavour": str(flavour),
            "rounds": ROUNDS,
            "local_stack": report.spread(ours),
            "empty_program": report.spread(theirs),
            "ratio_median": round(ratio, 2),
            "bar": "at most 3",
        },
    )
    print(f"preview of the local stack: {ratio:.2f}x an empty program's (bar: 3x); {file}")  # noqa: T201
    return 0


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
