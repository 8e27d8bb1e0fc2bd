"""`fleet cluster`: embedded Kubernetes clusters."""

from typing import Annotated

import typer

from fleet import console

app = typer.Typer(help="Embedded Kubernetes clusters on this machine.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the cluster")]


@app.command()
def start(
    name: Name = "local",
    simulated_gpus: Annotated[int, typer.Option(min=0, help="nvidia.com/gpu to pretend to have, labelled as such")] = 0,
) -> None:
    """Start a cluster and wait until it can run pods; one that runs is left as it is.

    Examples:
        fleet cluster start

        fleet cluster start drill --simulated-gpus 8
    """
    from toolchain.cluster import ClusterSpec, EmbeddedCluster  # noqa: PLC0415 - not needed for --help

    status = EmbeddedCluster(name).start(ClusterSpec(simulated_gpus=simulated_gpus), on_progress=console.note)
    console.note(f"cluster {name} is {status.state}: export KUBECONFIG={status.kubeconfig}")


@app.command()
def stop(name: Name = "local") -> None:
    """Stop a cluster; its data stays."""
    from toolchain.cluster import EmbeddedCluster  # noqa: PLC0415

    EmbeddedCluster(name).stop()


@app.command()
def reset(name: Name = "local", yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")] = False) -> None:
    """Stop a cluster and remove its data."""
    from toolchain.cluster import EmbeddedCluster  # noqa: PLC0415

    if not yes:
        typer.confirm(f"Remove cluster {name} and all its data?", abort=True)
    EmbeddedCluster(name).reset()


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the cluster; all by default")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Show clusters and, for one, its daemons with their restarts."""
    from dataclasses import asdict  # noqa: PLC0415

    from toolchain.cluster import EmbeddedCluster, list_clusters  # noqa: PLC0415

    clusters = list_clusters() if name is None else [EmbeddedCluster(name).status()]
    if as_json:
        console.json_result([asdict(cluster) for cluster in clusters])
        return
    console.table(
        ["cluster", "state", "node", "load balancers", "MiB", "restarts", "kubeconfig"],
        [
            (
                c.name,
                c.state,
                c.node_address or "",
                c.load_balancer_pool or "",
                c.memory_bytes >> 20,
                c.restarts,
                c.kubeconfig,
            )
            for c in clusters
        ],
    )
    if name is not None and clusters[0].daemons:
        console.out.print()
        console.table(
            ["daemon", "state", "restarts", "last exit"],
            [(d.name, d.state, d.restarts, d.last_exit) for d in clusters[0].daemons],
        )
