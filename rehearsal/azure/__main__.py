"""Run the simulated plugin: the engine starts it and reads its port from the first line on stdout."""

from rehearsal.azure import CLOUD
from rehearsal.azure.manners import MANNERS
from rehearsal.provider import SimulatedCloud
from rehearsal.troubled import TroubledProvider
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(TroubledProvider(SimulatedCloud(CLOUD), MANNERS))


if __name__ == "__main__":
    main()
