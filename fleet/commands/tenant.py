"""`fleet tenant`: enterprise tenants, one file each."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet import console

if TYPE_CHECKING:
    from tenants import Tenant, TenantFolder

app = typer.Typer(
    help="Enterprise tenants: add, list, suspend, remove. Each is a file, tenants/<name>.yaml.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Tenant, as in tenants/<name>.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]

_COLUMNS = ["tenant", "plan", "state", "stacks", "residency", "domain"]


@app.command()
def add(
    name: Name,
    stacks: Annotated[list[str], typer.Option("--stacks", help="Region stacks that host it; may be given again")],
    plan: Annotated[str, typer.Option(help="trial, standard or enterprise: the amounts that its file starts from")] = (
        "standard"
    ),
    residency: Annotated[list[str] | None, typer.Option(help="Country (DE) or area (EU) its data may be in")] = None,
    admins: Annotated[list[str] | None, typer.Option(help="OIDC group that may change its namespace")] = None,
    viewers: Annotated[list[str] | None, typer.Option(help="OIDC group that may look at it")] = None,
    domain: Annotated[str | None, typer.Option(help="Its own name for the endpoint")] = None,
    gpu_pool: Annotated[str | None, typer.Option(help="The stacks' GPU pool that it has for itself")] = None,
    preview: Annotated[bool, typer.Option(help="Run the engine's preview of each stack with the tenant in it")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a new tenant's file, or let more stacks host one that there is.

    Every stack's file is checked with the tenant in it (residency, pool); nothing is kept if one refuses.

    Examples:
        fleet tenant add acme --stacks aws-us-east-1 --plan enterprise --preview

        fleet tenant add globex --stacks azure-westeurope --stacks gcp-europe-west4 --residency EU
    """
    from tenants import Plan  # noqa: PLC0415 - not needed for --help
    from tenants.new_file import new_tenant_file  # noqa: PLC0415

    hosts = [stack for given in stacks for stack in given.split(",") if stack]
    folder = _folder()
    file = folder.file_of(name)
    if file.is_file():
        _change_checked(name, lambda: [folder.add_stack(name, stack) for stack in hosts], hosts)
    else:
        try:
            chosen = Plan(plan)
        except ValueError as error:
            raise console.FleetError(f"{plan!r} is no plan; there are: {', '.join(Plan)}") from error
        text = new_tenant_file(
            name,
            plan=chosen,
            stacks=hosts,
            residency=residency or (),
            admins=admins or (),
            viewers=viewers or (),
            domain=domain,
            gpu_pool=gpu_pool,
        )
        _change_checked(name, lambda: folder.write(name, text), hosts)
    tenant = folder.get(name)
    _show(tenant, as_json=as_json)
    console.note(f"{file.relative_to(folder.project_root)} is right")
    if preview:
        _preview(hosts)
    else:
        console.note(f"what it makes: {_commands('preview', hosts)}")


@app.command(name="list")
def list_tenants(
    stack: Annotated[str | None, typer.Option(help="Only tenants that this stack hosts")] = None,
    as_json: AsJson = False,
) -> None:
    """List tenants.

    Example:
        fleet tenant list --stack aws-us-east-1 --json
    """
    folder = _folder()
    tenants = folder.all() if stack is None else folder.of_stack(stack)
    if as_json:
        console.json_result([_as_data(tenant) for tenant in tenants])
        return
    rows = [
        [t.name, t.plan, _state(t), ", ".join(t.stacks), ", ".join(t.residency) or "anywhere", t.domain or ""]
        for t in tenants
    ]
    console.table(_COLUMNS, rows)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one tenant, defaults included.

    Example:
        fleet tenant show acme
    """
    _show(_folder().get(name), as_json=as_json)


@app.command()
def suspend(name: Name, as_json: AsJson = False) -> None:
    """Suspend a tenant: no request gets through from the next update on; its data is kept for its retention.

    Example:
        fleet tenant suspend acme && fleet up aws-us-east-1
    """
    tenant = _folder().suspend(name, _today())
    _show(tenant, as_json=as_json)
    console.note(f"its data is kept until {tenant.removable_from}; {_commands('up', tenant.stacks)}")


@app.command()
def resume(name: Name, as_json: AsJson = False) -> None:
    """Take a suspension back.

    Example:
        fleet tenant resume acme && fleet up aws-us-east-1
    """
    tenant = _folder().resume(name)
    _show(tenant, as_json=as_json)
    console.note(_commands("up", tenant.stacks))


@app.command()
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a suspended tenant after its retention, in two steps, each followed by an update of its stacks.

    The first lifts the protection of its key and data; the second deletes its file, and the update deletes all. On AWS
    leave three days between them: S3 deletes the files meanwhile, by a rule that goes with the tenant.

    Example:
        fleet tenant remove acme && fleet up aws-us-east-1

        fleet tenant remove acme && fleet up aws-us-east-1
    """
    from tenants import TenantState  # noqa: PLC0415

    folder = _folder()
    if folder.get(name).state is TenantState.LEAVING:
        tenant = folder.forget(name)
        if as_json:
            console.json_result({"tenant": name, "removed": True, "stacks": list(tenant.stacks)})
        console.note(f"tenants/{name}.yaml is deleted; what is left goes with: {_commands('up', tenant.stacks)}")
        return
    tenant = folder.let_leave(name, _today())
    if as_json:
        console.json_result({"tenant": name, "removed": False, "stacks": list(tenant.stacks)})
    console.note(f"its data may be deleted after {_commands('up', tenant.stacks)}; then: fleet tenant remove {name}")


def _change_checked(name: str, change: Callable[[], object], stacks: Sequence[str]) -> None:
    """Make a change to a tenant's file and take it back if a stack that hosts it then says no."""
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import SettingsError, from_stack_file  # noqa: PLC0415

    file = _folder().file_of(name)
    before = file.read_bytes() if file.is_file() else None
    change()
    try:
        for stack in stacks:
            from_stack_file(stack_file(stack))
    except (SettingsError, console.FleetError):
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)
        raise


def _preview(stacks: Sequence[str]) -> None:
    from fleet.stacks import Stack  # noqa: PLC0415 - the engine's part of the program

    for stack in stacks:
        console.step(f"preview of stack {stack}")
        with Stack.for_preview(stack) as opened:
            opened.preview()


def _show(tenant: "Tenant", *, as_json: bool) -> None:
    data = _as_data(tenant)
    if as_json:
        console.json_result(data)
        return
    rows = [
        (f"{key}.{inner}" if inner else key, ", ".join(written) if isinstance(written, list) else written)
        for key, value in data.items()
        for inner, written in (value.items() if isinstance(value, dict) else [("", value)])
        if written not in (None, [])
    ]
    console.table(["key", "value"], rows)


def _as_data(tenant: "Tenant") -> dict[str, Any]:
    return tenant.model_dump(mode="json", by_alias=True)


def _state(tenant: "Tenant") -> str:
    return str(tenant.state) if tenant.suspended_since is None else f"{tenant.state} since {tenant.suspended_since}"


def _commands(verb: str, stacks: Sequence[str]) -> str:
    return ", ".join(f"fleet {verb} {stack}" for stack in stacks)


def _today() -> date:
    return datetime.now(UTC).date()


def _folder() -> "TenantFolder":
    from tenants import TenantFolder  # noqa: PLC0415 - not needed for --help
    from toolchain.locations import clone_dir  # noqa: PLC0415

    return TenantFolder(clone_dir())
