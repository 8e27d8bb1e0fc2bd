"""The engine with a way to a stack's API server: direct, by a tunnel that is open already, or by one for the while."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from fleet import console
from fleet.engine import Engine
from fleet.tunnel.api_server import ApiServer
from fleet.tunnel.record import TunnelRecords
from fleet.tunnel.route import route_of
from fleet.tunnel.tunnel import Tunnel


def tunnel_of(
    engine: Engine, stack: str, records: TunnelRecords, tell: Callable[[str], None], port: int = 0
) -> Tunnel | None:
    """Give the tunnel that a stack's outputs describe, not open yet; None where they describe none.

    Args:
        engine: The stack's engine; its environment is also that of the cloud's tools.
        stack: The stack.
        records: Open tunnels.
        tell: Is told what happens, one line each.
        port: Local port that leads to the API server; 0 takes a free one.

    Raises:
        TunnelError: the outputs say what this version doesn't know.
    """
    outputs = engine.outputs(stack)
    if outputs.get("tunnel") is None:
        return None
    kubeconfig = str(outputs["kubeconfig"])
    server = ApiServer.of(kubeconfig)
    route = route_of(outputs["tunnel"], server, engine.environment)
    return Tunnel(stack=stack, server=server, kubeconfig=kubeconfig, route=route, records=records, tell=tell, port=port)


@contextmanager
def reached(engine: Engine, stack: str, records: TunnelRecords) -> Generator[Engine]:
    """Give an engine whose plugins reach the stack's API server.

    Args:
        engine: The stack's engine.
        stack: The stack; what it gave out last says where its API server is.
        records: Open tunnels.

    Raises:
        TunnelError: there is no way; the message says why and what to do.
    """
    tunnel = tunnel_of(engine, stack, records, console.note)
    if tunnel is None or (tunnel.lent() is None and tunnel.server.answers_directly()):
        yield engine
        return
    console.step(f"way to the API server of {stack}: {tunnel.title}")
    with tunnel.opened() as environment:
        console.note(f"  {tunnel.server.host}:{tunnel.server.port} is reached")
        yield engine.with_environment(environment)
