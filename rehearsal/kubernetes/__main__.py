"""Run the plugin: the engine starts it and reads its port from the first line on stdout."""

from rehearsal.kubernetes.provider import SimulatedKubernetes
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(SimulatedKubernetes())


if __name__ == "__main__":
    main()
