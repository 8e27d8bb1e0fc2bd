"""`fleet bench`: measure a server, or the engine by itself."""

import importlib
import os
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from fleet import console

app = typer.Typer(help="Measure a server under load, or the engine by itself.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]
Output = Annotated[Path | None, typer.Option(help="Folder for result.json and plot.png; by default a new one")]
Plot = Annotated[bool, typer.Option(help="Also draw a picture")]

_SERVE = """Send requests to a server at times that don't depend on its answers, and tell how long users wait.

Arrivals are Poisson's, prompts random words of the wanted number of tokens. Latencies count from the moment a request
was meant to be sent. Works with any server that speaks OpenAI's API; without an address, the local stack is asked.
Ctrl-C ends the load and shows what was measured so far.

Lengths are written 64, 50-200 or lognormal:300,0.8,4000 (median, sigma, longest).

Examples:

    fleet bench serve                                          # the local stack
    fleet bench serve --rate 20 --requests 1000 --slo ttft=500ms,tpot=50ms
    fleet bench serve https://host:8000/v1 --api-key-env KEY --ca-file ca.pem --rate 5
    fleet bench serve http://127.0.0.1:8000 --rate inf --concurrency 32 --prompt-tokens 50-200 --output-tokens 64
    fleet bench serve --shared-prefix 900 --prompt-tokens 100  # nine tenths of each prompt are the same
"""


@app.command(help=_SERVE)
def serve(
    url: Annotated[str | None, typer.Argument(help="The server's API, as https://host/v1; else --stack's")] = None,
    stack: Annotated[str, typer.Option(help="Stack to ask where no address is given")] = "local",
    model: Annotated[str, typer.Option(help="Model to ask; by default the first that the server lists")] = "",
    api_key_env: Annotated[str, typer.Option(help="Environment variable that holds the key")] = "",
    ca_file: Annotated[Path | None, typer.Option(help="PEM file of the authority to trust", exists=True)] = None,
    api: Annotated[str, typer.Option(help="completions or chat")] = "completions",
    rate: Annotated[float, typer.Option(help="Arrivals a second; inf sends all at once")] = 2.0,
    requests: Annotated[int, typer.Option(min=1, help="Requests to measure")] = 100,
    warm_up: Annotated[int, typer.Option(min=0, help="Requests before them that don't count")] = 1,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Most in flight at once; others wait")] = None,
    prompt_tokens: Annotated[str, typer.Option(help="Lengths of prompts")] = "50-200",
    shared_prefix: Annotated[int, typer.Option(min=0, help="Tokens with which all prompts begin besides")] = 0,
    output_tokens: Annotated[str, typer.Option(help="Lengths of answers")] = "64",
    ignore_eos: Annotated[bool, typer.Option(help="Answers go on after the model's end token")] = True,
    temperature: Annotated[float, typer.Option(min=0, max=2)] = 0.0,
    slo: Annotated[str, typer.Option(help="Objective of a request, as ttft=500ms,tpot=50ms,latency=10s")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds until a request is given up")] = 600.0,
    seed: Annotated[int, typer.Option(help="The same seed sends the same load")] = 0,
    output: Output = None,
    plot: Plot = True,
    as_json: AsJson = False,
) -> None:
    """Measure a server."""
    from fleet import bench_serve  # noqa: PLC0415 - the client's part, not needed for --help
    from fleet.bench_files import ResultFolder, latency_table  # noqa: PLC0415
    from loadtest.errors import LoadTestError  # noqa: PLC0415
    from loadtest.lengths import LengthsError, parse_lengths  # noqa: PLC0415
    from loadtest.open_loop import Load  # noqa: PLC0415
    from loadtest.openai_client import Api, Target, base_url  # noqa: PLC0415
    from loadtest.plot import draw  # noqa: PLC0415
    from loadtest.slo import Slo  # noqa: PLC0415

    if not rate > 0:
        raise console.FleetError(f"--rate {rate:g}: arrivals a second are above 0, or inf")
    if api not in list(Api):
        raise console.FleetError(f"--api {api}: there are {', '.join(Api)}")
    key = _key(api_key_env)
    try:
        if url is None:
            address, key, ca_file, model = _of_stack(stack, key, ca_file, model)
        else:
            address = base_url(url)
        plan = bench_serve.ServePlan(
            target=Target(address, key, ca_file, Api(api), ignore_eos, temperature),
            model=model,
            requests=requests,
            warm_up=warm_up,
            rate_per_s=rate,
            prompt_tokens=parse_lengths(prompt_tokens),
            shared_tokens=shared_prefix,
            output_tokens=parse_lengths(output_tokens),
            load=Load(concurrency, timeout),
            slo=Slo.parse(slo) if slo else None,
            seed=seed,
        )
        folder = ResultFolder.create("serve", output)
        result = bench_serve.run(plan)
        summary = result.summary
        file = folder.write("serve", result.as_json() | {"outcomes": [asdict(outcome) for outcome in result.outcomes]})
        if plot and result.outcomes:
            title = f"{result.model} at {address}: {len(result.outcomes)} requests, {rate:g}/s (Poisson)"
            draw(result.outcomes, folder.plot, title=title, slo=plan.slo)
    except (LoadTestError, LengthsError) as error:
        raise console.FleetError(str(error)) from error
    if as_json:
        console.json_result(result.as_json() | {"file": file, "plot": folder.plot if plot else None})
    else:
        latency_table(
            (
                ("time to first token", summary.ttft_s),
                ("time per output token", summary.tpot_s),
                ("between pieces", summary.gap_s),
                ("end to end", summary.latency_s),
            )
        )
        console.out.print()
        rows = [
            ("answered", f"{summary.succeeded} of {summary.requests} in {summary.duration_s:.1f} s"),
            ("requests a second", f"{summary.request_rate:.2f}"),
            ("output tokens a second", f"{summary.output_token_rate:.1f}"),
            ("prompt tokens a second", f"{summary.prompt_token_rate:.1f}"),
        ]
        if summary.goodput is not None and summary.goodput_share is not None:
            rows.append(("goodput", f"{summary.goodput:.2f} a second, {summary.goodput_share:.1%} within {plan.slo}"))
        rows += [
            (f"failed: {kind}", f"{count}, the first: {summary.examples[kind]}")
            for kind, count in summary.failures.items()
        ]
        console.table(["", ""], rows)
    for warning in result.warnings():
        console.note(f"note: {warning}")
    console.note(f"written: {file}" + (f" and {folder.plot.name}" if plot and result.outcomes else ""))
    if result.interrupted:
        raise typer.Exit(130)


_ENGINE = """Run a workload on the engine in this process, without a network and a server around it.

W1: 32 requests at once, prompts of 50 to 200 tokens, 64 new tokens each. W2: one stream, 100 and 128. W3: 8 at once,
otherwise as W1. All greedy; the first pass warms up and doesn't count. The times of the median round are shown.

Examples:

    fleet bench engine models/demo-coder
    fleet bench engine models/demo-coder --workload W3 --linear-mode int8 --rounds 5
    fleet bench engine models/demo-coder --requests 100 --concurrency 16 --prompt-tokens lognormal:80,0.8,300
"""

WorkloadName = Annotated[str, typer.Option(help="W1, W2 or W3; by default one of the lengths given")]
Requests = Annotated[int, typer.Option(min=1, help="Requests, all sent at once")]
Concurrency = Annotated[int, typer.Option(min=0, help="Most computed at once; 0 takes all")]
PromptTokens = Annotated[str, typer.Option(help="Lengths of prompts")]
OutputTokens = Annotated[str, typer.Option(help="Lengths of outputs")]
LinearModeName = Annotated[str, typer.Option(help="fp32, bf16 or int8; by default the engine's choice")]
Threads = Annotated[int, typer.Option(min=0, help="torch's threads; 0 takes what this process may use")]
Model = Annotated[Path, typer.Argument(help="Folder in Hugging Face layout", exists=True, file_okay=False)]


@app.command(help=_ENGINE)
def engine(
    model: Model,
    workload: WorkloadName = "",
    requests: Requests = 32,
    concurrency: Concurrency = 0,
    prompt_tokens: PromptTokens = "50-200",
    output_tokens: OutputTokens = "64",
    rounds: Annotated[int, typer.Option(min=1, help="Passes, each with prompts of its own")] = 3,
    linear_mode: LinearModeName = "",
    threads: Threads = 0,
    seed: Annotated[int, typer.Option(help="The same seed asks the same")] = 0,
    output: Output = None,
    plot: Plot = True,
    as_json: AsJson = False,
) -> None:
    """Measure the engine."""
    from fleet.bench_files import ResultFolder, latency_table  # noqa: PLC0415
    from loadtest.errors import LoadTestError  # noqa: PLC0415
    from loadtest.lengths import LengthsError  # noqa: PLC0415

    bench_engine = engine_part()
    try:
        plan = bench_engine.EnginePlan(
            model,
            bench_engine.workload_of(workload, requests, concurrency, prompt_tokens, output_tokens),
            rounds,
            linear_mode_of(linear_mode),
            threads,
            seed,
        )
        folder = ResultFolder.create("engine", output)
        found, interrupted = bench_engine.run(plan)
        if not found:
            raise typer.Exit(130)
        figures = bench_engine.figures(plan, found, interrupted=interrupted)
        file = folder.write("engine", figures)
        median = bench_engine.median_round(found)
        if plot:
            from loadtest.engine_plot import draw  # noqa: PLC0415

            draw(median, folder.plot, title=f"{model.name}, {plan.workload.name}: the median of {len(found)} rounds")
    except (LoadTestError, LengthsError) as error:
        raise console.FleetError(str(error)) from error
    summary = median.summary
    if as_json:
        console.json_result(figures | {"file": file, "plot": folder.plot if plot else None})
    else:
        latency_table(
            (
                ("time to first token", summary.ttft_s),
                ("time per output token", summary.tpot_s),
                ("step", median.step_s),
                ("between steps", median.between_steps_s),
            )
        )
        console.out.print()
        rates = sorted(each.summary.output_token_rate for each in found)
        occupancy, tokens = median.occupancy, median.tokens_per_step
        console.table(
            ["", ""],
            [
                ("output tokens a second", f"{summary.output_token_rate:.1f} ({rates[0]:.1f} to {rates[-1]:.1f})"),
                ("steps", len(median.steps)),
                ("requests a step", f"{occupancy.mean:.1f} of {plan.workload.concurrency}" if occupancy else "-"),
                ("tokens a step", f"{tokens.mean:.1f}, at most {tokens.maximum:.0f}" if tokens else "-"),
            ],
        )
    console.note(f"written: {file}" + (f" and {folder.plot.name}" if plot else ""))
    if interrupted:
        console.note(f"note: interrupted after {len(found)} of {rounds} rounds")
        raise typer.Exit(130)


def linear_mode_of(name: str) -> str:
    """Check a way of multiplying by name.

    Raises:
        FleetError: there is none of that name.
    """
    from service.engine.reference import LinearMode  # noqa: PLC0415

    if name and name not in list(LinearMode):
        raise console.FleetError(f"--linear-mode {name}: there are {', '.join(LinearMode)}")
    return name


def engine_part() -> ModuleType:
    """Import what runs the engine.

    Raises:
        FleetError: torch isn't installed.
    """
    try:
        return importlib.import_module("fleet.bench_engine")
    except ModuleNotFoundError as error:
        raise console.FleetError(f"the engine needs {error.name}: run `make setup-all`") from None


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable)
    if not key:
        raise console.FleetError(f"--api-key-env {variable}: the environment has no such variable, or it is empty")
    return key


def _of_stack(stack: str, key: str, ca_file: Path | None, model: str) -> tuple[str, str, Path | None, str]:
    """Where a stack answers, and what it wants to see; what was given goes first."""
    from fleet.access import Access  # noqa: PLC0415
    from fleet.stacks import Stack  # noqa: PLC0415

    opened = Stack.open(stack, create=False)
    opened.check_awake()
    access = Access.of(stack, opened.engine.outputs(stack))
    return f"{access.endpoint}/v1", key or access.key, ca_file or access.ca_file, model or access.model
