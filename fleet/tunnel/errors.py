"""What can go wrong on the way to an API server."""

from fleet.console import FleetError


class TunnelError(FleetError):
    """A tunnel can't be opened or kept open; the text says why and what to do."""


class NotReadyError(TunnelError):
    """The cloud's end of the tunnel was made and does not answer yet: worth another try."""
