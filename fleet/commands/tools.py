"""`fleet tools`: Pulumi, Kubernetes and the Debian packages beside them; `fleet leftovers`: what runs on here."""

from typing import Annotated

import typer

from fleet import console

app = typer.Typer(help="Programs that modelfleet needs and builds where they can't be had.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]

_FOR = {
    "up": ("pulumi", "kubernetes", "etcd", "coredns"),
    "test": ("pulumi", "kubernetes", "etcd", "coredns"),
}
"""Tools by what they are needed for; the rest is built on first use."""

_LEFTOVERS = """List processes, mounts, namespaces, links, rules and cgroups of modelfleet, and files of ended stacks.

Fails where a stopped cluster, or a local stack that is no more, left any.

Examples:

    fleet leftovers             # what there is
    fleet leftovers --remove    # end it, with its data
"""


def register(top: typer.Typer) -> None:
    """Add the group, and `leftovers`, to the top level."""
    top.add_typer(app, name="tools")
    top.command(help=_LEFTOVERS)(leftovers)


@app.command()
def ensure(
    names: Annotated[list[str] | None, typer.Argument(help="Tools; by default all that --for needs")] = None,
    purpose: Annotated[str, typer.Option("--for", help=f"One of: {', '.join(_FOR)}")] = "up",
    stack: Annotated[str | None, typer.Option(help="First check that this stack can be brought up here")] = None,
) -> None:
    """Make tools and Debian packages be there; what is there already costs nothing.

    Examples:
        fleet tools ensure              # what `fleet up` needs

        fleet tools ensure actionlint   # one tool
    """
    from toolchain import builder, packages  # noqa: PLC0415 - not needed for --help
    from toolchain.pulumi_home import choose_flavour  # noqa: PLC0415

    if stack is not None:
        from fleet.stacks import check_rights, stack_file  # noqa: PLC0415
        from infra.config import from_stack_file  # noqa: PLC0415

        check_rights(stack, from_stack_file(stack_file(stack)))
    if purpose not in _FOR:
        raise console.FleetError(f"--for {purpose}: use one of {', '.join(_FOR)}")
    if names:
        builder.ensure_all(names)
        return
    tests = packages.TESTS if purpose == "test" else frozenset()
    packages.ensure(packages.CLUSTER | packages.IMAGES | tests)
    tools = list(_FOR[purpose])
    if purpose == "up" and choose_flavour().is_official:
        tools.remove("pulumi")
    builder.ensure_all(tools)
    if purpose == "test":
        from service.engine.kernels.build import build  # noqa: PLC0415

        build()


@app.command(name="list")
def list_tools(as_json: AsJson = False) -> None:
    """List the tools, their versions and what they are for.

    Example:
        fleet tools list --json
    """
    from toolchain import builder  # noqa: PLC0415

    rows = [
        {
            "tool": row.name,
            "version": row.version,
            "state": str(row.state),
            "MB": row.size_bytes // 10**6,
            "for": row.purpose,
        }
        for row in builder.statuses()
    ]
    console.result(rows, ["tool", "version", "state", "MB", "for"], as_json=as_json)


@app.command()
def path(name: Annotated[str, typer.Argument(help="Tool")]) -> None:
    """Print the folder of a tool's programs, building it if it is missing.

    Example:

        $(fleet tools path kubernetes)/kubectl get pods -A
    """
    from toolchain import builder  # noqa: PLC0415

    print(builder.ensure(name))  # noqa: T201 - a result


@app.command()
def prune(
    everything: Annotated[bool, typer.Option("--all", help="Also the current builds and Go's caches")] = False,
) -> None:
    """Remove builds of superseded versions.

    Examples:
        fleet tools prune          # what no checkout of this version uses

        fleet tools prune --all    # everything that can be built again
    """
    from toolchain import builder  # noqa: PLC0415

    for folder in builder.prune(everything=everything, compiler_caches=everything):
        console.note(f"removed {folder}")


def leftovers(
    remove: Annotated[bool, typer.Option(help="Stop every cluster and remove its data")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is left, or end it."""
    from fleet.leftovers import (  # noqa: PLC0415 - not needed for --help
        ended_clusters,
        kept_by_ended_stacks,
        remove_kept,
        running_clusters,
    )
    from toolchain.cluster import EmbeddedCluster, list_clusters  # noqa: PLC0415

    if remove:
        for cluster in list_clusters():
            EmbeddedCluster(cluster.name).reset()
        remove_kept()
    found, running = ended_clusters(), running_clusters()
    kept = [f"{path}: of a stack that is no more" for path in kept_by_ended_stacks()]
    if as_json:
        console.json_result({"left": [*found, *kept], "running": running})
    else:
        for line in (*found, *kept):
            console.out.print(line, markup=False, soft_wrap=True)
        for name in running:
            console.note(f"cluster {name} is running")
        if not found and not kept and not running:
            console.note("nothing of modelfleet is left: no process, mount, namespace, link, rule or cgroup, no file")
    if found:
        console.note("`fleet cluster stop NAME` clears what a crashed cluster left; `fleet up` starts it again")
    if kept:
        console.note("`fleet leftovers --remove` deletes files of stacks that are no more, and every cluster's data")
    if found or kept:
        raise typer.Exit(1)
