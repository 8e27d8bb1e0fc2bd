"""Run the plugin: the engine starts it and reads its port from the first line on stdout."""

from rehearsal.kubernetes.manners import MANNERS
from rehearsal.kubernetes.simulator import simulator
from rehearsal.troubled import TroubledProvider
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(TroubledProvider(simulator(), MANNERS))


if __name__ == "__main__":
    main()
