"""Run the plugin: the engine starts it and reads its port from the first line on stdout."""

from rehearsal.manners import OF_ANY
from rehearsal.modelfleet.provider import RehearsedModelfleet
from rehearsal.troubled import TroubledProvider
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(TroubledProvider(RehearsedModelfleet(), OF_ANY))


if __name__ == "__main__":
    main()
