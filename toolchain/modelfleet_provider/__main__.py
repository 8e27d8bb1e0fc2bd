"""Run the plugin: the engine starts it and reads its port from the first line on stdout."""

from toolchain.modelfleet_provider.provider import ModelfleetProvider
from toolchain.provider.server import serve


def main() -> None:
    """Serve until the engine goes away."""
    serve(ModelfleetProvider())


if __name__ == "__main__":
    main()
