"""How a command is asked to end."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: somebody other than the terminal asks this process to end."""
