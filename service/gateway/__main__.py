"""``python -m service.gateway``: the door, until it is told to close."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys

# Process 1 of a container has no default for SIGTERM: without this it would be lost during the imports below.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

from service.gateway.admin import create_admin  # noqa: E402
from service.gateway.app import Gateway  # noqa: E402
from service.gateway.keys import KeyRing  # noqa: E402
from service.gateway.metrics import GatewayMetrics  # noqa: E402
from service.gateway.reload import ReloadOnChange  # noqa: E402
from service.gateway.settings import GatewaySettings  # noqa: E402
from service.gateway.tls import ServerCertificate  # noqa: E402
from service.gateway.upstream import Upstream  # noqa: E402
from service.web import listener, logs, settings  # noqa: E402
from service.web.drain import Drain  # noqa: E402

_PROGRAM = "service.gateway"
# What clients of cut-off streams get to receive their error.
_LAST_WORDS_S = 2.0


def main() -> int:
    """Runs the gateway; returns the process's exit code."""
    try:
        configured = settings.load(GatewaySettings, _PROGRAM, sys.argv[1:])
        logs.configure(configured.log_level)
        for variable in settings.misspelt(GatewaySettings):
            logs.get("startup").warning("unknown setting", variable=variable)
        asyncio.run(serve(configured))
    except settings.ConfigurationError as error:
        return settings.refuse(_PROGRAM, error)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


async def serve(configured: GatewaySettings) -> None:
    """Serves until a signal, then lingers, finishes what runs, and returns.

    Raises:
        ConfigurationError: a file is unfit or a port can't be had.
    """
    drain, metrics = Drain(), GatewayMetrics()
    keys = KeyRing(configured.keys_file)
    certificate = ServerCertificate(configured.tls_cert_file, configured.tls_key_file)
    upstream = Upstream(configured, metrics)
    gateway = Gateway(configured, keys=keys, upstream=upstream, metrics=metrics, drain=drain)
    ports = [
        listener.Listener(
            gateway.app(),
            host=configured.host,
            port=configured.port,
            header_timeout_s=configured.header_timeout_s,
            keep_alive_s=configured.keep_alive_s,
            max_connections=configured.max_connections,
            tls=certificate.context,
        ),
        listener.Listener(
            create_admin(metrics, drain),
            host=configured.host,
            port=configured.admin_port,
            header_timeout_s=configured.header_timeout_s,
            keep_alive_s=configured.keep_alive_s,
            max_connections=configured.max_connections,
        ),
    ]
    watches = [
        ReloadOnChange("keys", [configured.keys_file], keys.reload, functools.partial(metrics.reload, "keys")),
        ReloadOnChange(
            "certificate",
            [configured.tls_cert_file, configured.tls_key_file],
            certificate.reload,
            functools.partial(metrics.reload, "certificate"),
        ),
    ]
    log = logs.get("gateway")

    async def watch() -> None:
        await asyncio.gather(*(each.watch(configured.reload_interval_s) for each in watches))

    async def finish() -> None:
        drain.begin()
        log.info("draining", in_flight=drain.in_flight)
        if not await drain.finish(linger_s=configured.drain_linger_s, timeout_s=configured.drain_timeout_s):
            log.warning("cut off", in_flight=drain.in_flight)
            await drain.finish(linger_s=0, timeout_s=_LAST_WORDS_S)

    log.info(
        "listening",
        port=ports[0].socket.getsockname()[1],
        admin_port=ports[1].socket.getsockname()[1],
        keys=len(keys),
        upstream=str(configured.upstream),
    )
    async with contextlib.aclosing(upstream):
        await listener.run(ports, drain=finish, failed=watch())
    log.info("stopped")


if __name__ == "__main__":
    sys.exit(main())
