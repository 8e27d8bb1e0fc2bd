"""Run the plugin: the engine starts it and reads its port from the first line on stdout."""

from rehearsal.modelfleet.provider import RehearsedModelfleet
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(RehearsedModelfleet())


if __name__ == "__main__":
    main()
