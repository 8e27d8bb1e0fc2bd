"""`fleet profile`: where the time goes, in the engine under a workload or in a running process."""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from fleet import console
from fleet.commands.bench import (
    AsJson,
    Concurrency,
    LinearModeName,
    Model,
    OutputTokens,
    PromptTokens,
    Requests,
    Threads,
    WorkloadName,
    engine_part,
    linear_mode_of,
)

app = typer.Typer(help="Show where the time goes: traces and flame graphs.", no_args_is_help=True)

Native = Annotated[bool, typer.Option("--native", help="Also show compiled code's functions in the flame graph")]
_SHOWN = 15
_SAMPLED_ROUNDS = 3
# The profiler of torch writes of missing GPUs and of its own threads as errors; read when torch is loaded.
_NO_LOG = "99"

_ENGINE = """Run a workload on the engine in this process, and record where its time goes.

Writes flame.svg (every thread, sampled; open it in a browser) and trace.json (each operator and Python call of some
steps; open it at ui.perfetto.dev or chrome://tracing, both of which read it locally), each in a pass of its own, and
prints the operators that took longest. Tracing slows steps down: shares count, not times.

Examples:

    fleet profile engine models/demo-coder --workload W3
    fleet profile engine models/demo-coder --requests 8 --prompt-tokens 200 --linear-mode int8 --native
    fleet profile engine models/demo-coder --workload W2 --steps 20 --output /tmp/profile
"""
_PROCESS = """Sample a running Python process, a model server say, and draw a flame graph of all its threads.

The process goes on as before; it is read from outside. Needs root, or the same user where the kernel allows it.

Examples:

    fleet profile process 4711
    fleet profile process "$(pgrep -f service.server)" --duration 60 --native
"""


@app.command(help=_ENGINE)
def engine(
    model: Model,
    workload: WorkloadName = "",
    requests: Requests = 32,
    concurrency: Concurrency = 0,
    prompt_tokens: PromptTokens = "50-200",
    output_tokens: OutputTokens = "64",
    linear_mode: LinearModeName = "",
    threads: Threads = 0,
    first: Annotated[int, typer.Option(min=1, help="Steps that are let pass before the trace")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Steps in the trace")] = 10,
    native: Native = False,
    output: Annotated[Path | None, typer.Option(help="Folder for the files; by default a new one")] = None,
    as_json: AsJson = False,
) -> None:
    """Profile the engine."""
    from fleet.bench_files import ResultFolder  # noqa: PLC0415 - not needed for --help
    from fleet.flame_graph import recording_this_process  # noqa: PLC0415
    from loadtest.errors import LoadTestError  # noqa: PLC0415
    from loadtest.lengths import LengthsError  # noqa: PLC0415

    os.environ.setdefault("KINETO_LOG_LEVEL", _NO_LOG)
    bench_engine = engine_part()
    from fleet.engine_trace import StepTrace  # noqa: PLC0415 - after the check that torch is there

    folder = ResultFolder.create("profile", output).folder
    flame, file = folder / "flame.svg", folder / "trace.json"
    trace = StepTrace(file, first=first, steps=steps)
    try:
        asked = bench_engine.workload_of(workload, requests, concurrency, prompt_tokens, output_tokens)
        plan = bench_engine.EnginePlan(model, asked, 1, linear_mode_of(linear_mode), threads, 0)
        console.step(f"{asked.name} once more, traced")
        _, interrupted = bench_engine.run(plan, trace.on_step)
        if not interrupted:
            console.step(f"{asked.name}, sampled")
            longer = replace(plan, rounds=_SAMPLED_ROUNDS)
            _, interrupted = bench_engine.run(longer, around=lambda: recording_this_process(flame, native=native))
    except (LoadTestError, LengthsError) as error:
        raise console.FleetError(str(error)) from error
    if interrupted:
        raise typer.Exit(130)
    if not trace.complete:
        raise console.FleetError(f"{asked.name} has fewer than {first + steps} steps: lower --first or --steps")
    total_ms = sum(operator.self_ms + operator.device_ms for operator in trace.operators) or 1.0
    if as_json:
        operators = [asdict(operator) for operator in trace.operators]
        console.json_result({"flame": flame, "trace": file, "steps": steps, "operators": operators})
        return
    console.table(
        ["operator", "calls", "self [ms]", "GPU [ms]", "share"],
        [
            (
                operator.name,
                operator.calls,
                f"{operator.self_ms:.1f}",
                f"{operator.device_ms:.1f}",
                f"{(operator.self_ms + operator.device_ms) / total_ms:.1%}",
            )
            for operator in trace.operators[:_SHOWN]
        ],
    )
    console.note(f"written: {flame} (open it in a browser)")
    console.note(f"written: {file} (open it at ui.perfetto.dev or chrome://tracing)")


@app.command(help=_PROCESS)
def process(
    pid: Annotated[int, typer.Argument(min=1, help="Id of the process")],
    duration: Annotated[int, typer.Option(min=1, help="Seconds")] = 30,
    native: Native = False,
    output: Annotated[Path | None, typer.Option(help="Folder for flame.svg; by default a new one")] = None,
    as_json: AsJson = False,
) -> None:
    """Profile a process."""
    from fleet.bench_files import ResultFolder  # noqa: PLC0415 - not needed for --help
    from fleet.flame_graph import record  # noqa: PLC0415

    if not Path(f"/proc/{pid}").is_dir():
        raise console.FleetError(f"there is no process {pid} here; a pod's processes are in its node's list")
    file = ResultFolder.create("profile", output).folder / "flame.svg"
    with console.err.status(f"process {pid} is sampled for {duration} s"):
        record(pid, file, duration_s=duration, native=native)
    if as_json:
        console.json_result({"flame": file, "pid": pid, "duration_s": duration})
    else:
        console.note(f"written: {file} (open it in a browser)")
