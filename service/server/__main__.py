"""``python -m service.server``: serves one model until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

# Process 1 of a container has no default for SIGTERM: without this it would be lost during the imports below.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

from service.engine.interface import ModelLoadError  # noqa: E402
from service.server.app import create_app  # noqa: E402
from service.server.metrics import ServerMetrics  # noqa: E402
from service.server.settings import ServerSettings  # noqa: E402
from service.server.startup import Serving  # noqa: E402
from service.server.tracing import from_environment  # noqa: E402
from service.server.version import running_version  # noqa: E402
from service.web import listener, logs, settings  # noqa: E402
from service.web.drain import Drain  # noqa: E402
from service.weights.manifest import WeightsError  # noqa: E402

_PROGRAM = "service.server"
# What a stopped engine's clients get to receive their error.
_LAST_WORDS_S = 2.0
# What a collector gets to take the last spans.
_LAST_SPANS_S = 2.0


def main() -> int:
    """Runs the server; returns the process's exit code."""
    try:
        configured = settings.load(ServerSettings, _PROGRAM, sys.argv[1:])
        logs.configure(configured.log_level)
        for variable in settings.misspelt(ServerSettings):
            logs.get("startup").warning("unknown setting", variable=variable)
        asyncio.run(serve(configured))
    except settings.ConfigurationError as error:
        return settings.refuse(_PROGRAM, error)
    except (WeightsError, ModelLoadError) as error:
        return settings.refuse(_PROGRAM, settings.ConfigurationError(f"the model is refused: {error}"))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


async def serve(configured: ServerSettings) -> None:
    """Listens, starts the engine, and drains when told to stop.

    Raises:
        ConfigurationError: the port can't be had, or traces are asked for and can't be made.
        WeightsError: the weights can't be had as they should be.
        ModelLoadError: they are no model that can be served.
    """
    drain, metrics, version = Drain(), ServerMetrics(), running_version(configured.version)
    tracing = from_environment(version)
    serving = Serving(configured, metrics, drain)
    app = create_app(configured, serving, metrics, drain, version=version, tracing=tracing)
    port = listener.Listener(
        app,
        host=configured.host,
        port=configured.port,
        header_timeout_s=configured.header_timeout_s,
        keep_alive_s=configured.keep_alive_s,
        max_connections=configured.max_connections,
    )
    log = logs.get("server")

    async def finish() -> None:
        drain.begin()
        log.info("draining", in_flight=drain.in_flight)
        clean = await drain.finish(linger_s=configured.drain_linger_s, timeout_s=configured.drain_timeout_s)
        await serving.stop()
        if not clean:
            log.warning("cut off", in_flight=drain.in_flight)
            await drain.finish(linger_s=0, timeout_s=_LAST_WORDS_S)
        if tracing is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(tracing.shutdown), _LAST_SPANS_S)

    async def start() -> None:
        # Told once signals are answered: whoever waits for this line may send one at once.
        log.info("listening", port=port.socket.getsockname()[1])
        await serving.start()

    await listener.run([port], drain=finish, failed=start())
    log.info("stopped")


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A start-up that was given up may still be importing or hashing in a thread; nothing needs its result.
    os._exit(code)
