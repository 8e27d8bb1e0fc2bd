"""How a command is asked to end."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP of a terminal that is gone: somebody other than the terminal asks this process to end."""
