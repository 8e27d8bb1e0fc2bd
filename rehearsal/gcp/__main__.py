"""Run the simulated plugin: the engine starts it and reads its port from the first line on stdout."""

from rehearsal.gcp import CLOUD
from rehearsal.provider import SimulatedCloud
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(SimulatedCloud(CLOUD))


if __name__ == "__main__":
    main()
