"""`fleet cluster`: embedded Kubernetes clusters."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from toolchain.cluster import EmbeddedCluster

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
    """Stop a cluster; its data stays.

    Example:
        fleet cluster stop drill
    """
    cluster = _known(name, even_its_remnants=True)
    with _undisturbed(cluster):
        cluster.stop()
    console.note(f"cluster {name} is stopped")


@app.command()
def reset(name: Name = "local", yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")] = False) -> None:
    """Stop a cluster and remove its data.

    Example:
        fleet cluster reset drill --yes
    """
    cluster = _known(name, even_its_remnants=True)
    if not yes:
        whose = f", which stack {cluster.owner} runs in," if cluster.owner else ""
        typer.confirm(f"Remove cluster {name}{whose} and all its data?", abort=True)
    with _undisturbed(cluster):
        cluster.reset()
    console.note(f"cluster {name} is removed")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the cluster; all by default")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Show clusters and, for one, its daemons with their restarts.

    Examples:
        fleet cluster status

        fleet cluster status local --json
    """
    from dataclasses import asdict  # noqa: PLC0415

    from toolchain.cluster import list_clusters  # noqa: PLC0415

    clusters = list_clusters() if name is None else [_known(name).status()]
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


def _known(name: str, *, even_its_remnants: bool = False) -> "EmbeddedCluster":
    """Give a cluster that was started before.

    Args:
        name: the cluster.
        even_its_remnants: one whose folder is gone will do while something of it is left in the kernel.

    Raises:
        FleetError: there is none of that name.
    """
    from toolchain.cluster import EmbeddedCluster, leftovers, list_clusters  # noqa: PLC0415

    cluster = EmbeddedCluster(name)
    if not cluster.exists and not (even_its_remnants and leftovers(name)):
        names = ", ".join(known.name for known in list_clusters()) or "none"
        raise console.FleetError(f"no cluster {name!r} here; there are: {names}")
    return cluster


def _undisturbed(cluster: "EmbeddedCluster") -> AbstractContextManager[None]:
    """Keep commands that change the cluster's stack away, and be refused while one does."""
    from fleet.exclusive import exclusive  # noqa: PLC0415

    return exclusive(cluster.owner) if cluster.owner else nullcontext()
